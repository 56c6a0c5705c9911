# How every target of this project is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -ffp-contract=off: a multiply and an add become an FMA only where the source says
# std::fma or an intrinsic. Otherwise the compiler's choice would differ between
# instruction sets, and with it the bits of a result.
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -ffp-contract=off)
# GCC 12 warns falsely about "text" + std::string (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict)
endif()

if(LATHE_SANITIZE)
  add_compile_options(-fsanitize=${LATHE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${LATHE_SANITIZE})
endif()

# What most files of a target read, read once: lathe_precompile(TARGET PRIVATE <header>... | REUSE_FROM
# OTHER). No file may rely on it: the sanitizers' builds do without.
function(lathe_precompile target)
  if(LATHE_SANITIZE)
    return()
  endif()
  target_precompile_headers(${target} ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # ccache asks for the first. GCC forgets of a precompiled header that it is the system's, and what
    # these three say of code inlined from there is false.
    target_compile_options(${target} PRIVATE -fpch-preprocess -Wno-array-bounds
                           -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()

if(LATHE_BUILD_FUZZERS)
  # Coverage feedback from the library; libFuzzer's main comes in with the targets' link.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
