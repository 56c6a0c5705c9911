// Names of packed schemes, for files, people and error messages: all made of packed_scheme.h.
//
//   w BITS [nl] (g GROUP | r) [a] [d] [x]     w8r  w4g64  w4nlg32d  w8g32a  w4g32ad  w8g32x
//
// nl: on a grid (non-linear); r: one scale for the whole row; a: minimums (asymmetric);
// d: scales in two levels (double quantization); x: inputs in two bytes (extended). Of those that
// quantize does not make, e: exponents as scales (w4nlg32e), z: zero points (w4g128az).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/packed_scheme.h"

namespace lathe {

std::string packed_scheme_name(const PackedScheme& scheme);

// The scheme that quantize() offers by that name, or nothing.
std::optional<PackedScheme> packed_scheme_by_name(std::string_view name);

// Why a scheme cannot be, or nothing.
std::optional<std::string> packed_scheme_error(const PackedScheme& scheme);

// Every scheme that can be, with the span that quantize gives it.
std::vector<PackedScheme> all_packed_schemes();

// Those that are offered, for messages: "w8r, w4gN, w8gN and w4nlgN (non-linear) with N = 16, 32,
// 64 or 128 (then a: asymmetric, d: double quantization, x: inputs in two bytes)".
std::string packed_scheme_list();

// Bits per weight of a large matrix, scales included.
double bits_per_weight(const PackedScheme& scheme) noexcept;

}  // namespace lathe
