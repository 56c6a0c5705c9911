// Matrices in floats of eight and four bits, as several methods hold them.
#pragma once

#include <cstdint>
#include <string>

#include "foreign/parts.h"

namespace lathe {

// The matrix stem.weight of floats of eight bits, and its scales: one, one a row, one for each
// block of `block_rows` x `block_cols`, or one for each group of inputs ([out, groups]).
void read_float8(const std::string& stem, const std::string& scales, std::int64_t block_rows,
                 std::int64_t block_cols, Parts& parts);

// The matrix `codes` U8 [out, in / 2] of E2M1, the first of two inputs in the low nibble, with
// scales stem.weight_scale [out, groups], E4M3 or E8M0. `whole`: the name of a number for all, ""
// for none; the scales are divided by it or multiplied.
void read_float4(const std::string& stem, const std::string& codes, const std::string& whole,
                 bool divided, Parts& parts);

// Whether the part is of floats of eight bits with a mantissa.
bool is_float8(const Part& part) noexcept;

}  // namespace lathe
