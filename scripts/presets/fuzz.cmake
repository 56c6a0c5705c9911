# libFuzzer targets (clang), in build/fuzz/tests/.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(LATHE_BUILD_FUZZERS ON CACHE BOOL "")
set(LATHE_SANITIZE "address,undefined" CACHE STRING "")
