# Makes a C++ source of the text that quantize calibrates with when it is given none, so that the
# program finds it wherever it is. Run as: cmake -D FROM=file -D TO=file.cc -P embed_calibration.cmake
include(${CMAKE_CURRENT_LIST_DIR}/literal_of.cmake)

literal_of("${FROM}" literal)
file(WRITE "${TO}" "// Made by scripts/cmake/embed_calibration.cmake from ${FROM}.
#include \"quantize/statistics.h\"

namespace lathe::tool {

const std::string_view kCalibrationText =
${literal};

}  // namespace lathe::tool
")
