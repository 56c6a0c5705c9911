// The rotation that keys, values and queries of a cache in 8 or 4 bits are turned by.
//
// Few bits with one scale for a vector are enough where its elements are alike, which those of a
// trained head are not. A Hadamard matrix spreads each over all: products of turned queries and
// turned keys are those of the plain ones, and weighed sums of turned values are turned back once
// (Ashkboos et al. 2024, "QuaRot").
#pragma once

#include <cstdint>

namespace lathe {

// x[n] = H·x in place, where H has on its diagonal the orthonormal Hadamard matrix of the largest
// power of two that divides n, again and again. It is its own inverse. Sums run in one written
// order, so the bits are the same everywhere.
void rotate(float* x, std::int64_t n) noexcept;

}  // namespace lathe
