# What users build: optimised, in build/.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
