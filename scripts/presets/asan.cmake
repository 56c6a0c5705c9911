# AddressSanitizer and UndefinedBehaviorSanitizer: every test must pass under them too.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(LATHE_SANITIZE "address,undefined" CACHE STRING "")
# Each file includes what it uses.
set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON CACHE BOOL "")
