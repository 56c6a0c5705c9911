# ThreadSanitizer, for the thread pool and all that runs on it.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(LATHE_SANITIZE "thread" CACHE STRING "")
