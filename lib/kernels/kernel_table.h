// Arithmetic, once per instruction set.
//
// A table is plain function pointers, a struct for each trade with a header of its own. Every
// function is single-threaded, noexcept and works on the piece of rows it is given; threading and
// blocking live outside, in portable code (model/). Pointers need the alignment of their type only,
// unless said.
//
// Bits: all tables give the same bits for the same input, for every function here but
// FloatKernels::multiply and multiply_few, whose sums run in an order of their own. Sums of floats
// run in one written order (see "reduction order"), each step one FMA or one add; generic code uses
// std::fma where the others use the instruction.
//
// Reduction order of a sum over n floats: 16 partial sums, element i goes to partial
// i mod 16 in increasing i (the last sixteen padded with zeros); then partials are added as a
// tree: p[j] += p[j+8] for j < 8, p[j] += p[j+4] for j < 4, p[j] += p[j+2] for j < 2,
// p[0] + p[1]. The sixteen partials are one AVX-512 register or two AVX2 registers: the
// algorithms are written once, in kernels/shared/, in terms of kernels/<isa>/lanes.h.
#pragma once

namespace lathe {

struct ConversionKernels;
struct ForwardKernels;
struct ProbeKernels;
struct SearchKernels;

struct KernelTable {
  const char* name;                  // one of LATHE_KERNEL_NAMES (tables.cmake)
  const ForwardKernels& forward;     // forward_kernels.h
  const ConversionKernels& convert;  // conversion_kernels.h
  const SearchKernels& search;       // search_kernels.h
  const ProbeKernels& probe;         // probe_kernels.h
};

}  // namespace lathe
