# ThreadSanitizer, for the thread pool and all that runs on it.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(LATHE_SANITIZE "thread" CACHE STRING "")
# Each file includes what it uses.
set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON CACHE BOOL "")
