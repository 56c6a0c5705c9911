# The kernel tables: the one list that the library's build, its tests and the command-line tests
# (tests/cli/harness.py) read. README.md of this folder says what a table is made of.

# The folders, from the plainest table to the best. A processor runs those that it can.
set(LATHE_KERNEL_FOLDERS generic)
# What LATHE_ISA may name, on any processor; two folders may make tables of one name.
set(LATHE_KERNEL_NAMES generic avx2 avxvnni avx512 avx512bf16)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND LATHE_KERNEL_FOLDERS avx2 avxvnni avxvnni_evex avx512 avx512bf16)
  set(LATHE_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(LATHE_FLAGS_avxvnni ${LATHE_FLAGS_avx2})
  set(LATHE_FLAGS_avxvnni_evex ${LATHE_FLAGS_avx2})
  # One source in two encodings, by hand; the flags would let GCC choose differently for the two,
  # while Clang's assembler asks for them.
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND LATHE_FLAGS_avxvnni -mavxvnni)
    list(APPEND LATHE_FLAGS_avxvnni_evex -mavx512f -mavx512vl -mavx512vnni)
  endif()
  set(LATHE_FLAGS_avx512 ${LATHE_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq
                         -mavx512vnni)
  set(LATHE_FLAGS_avx512bf16 ${LATHE_FLAGS_avx512} -mavx512bf16)
  # GCC 12's own AVX-512 headers set off these two (bug 105593).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND LATHE_FLAGS_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
    list(APPEND LATHE_FLAGS_avx512bf16 -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
endif()
