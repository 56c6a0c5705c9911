# AddressSanitizer and UndefinedBehaviorSanitizer: every test must pass under them too.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(LATHE_SANITIZE "address,undefined" CACHE STRING "")
