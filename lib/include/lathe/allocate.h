// A choice for each matrix of a model: fewest bytes for a loss, or least loss for the bytes.
//
// Losses add up (to first order they do: each is a small, independent change of what the model
// says), so this is the knapsack of one choice per class. It is solved by dynamic programming over
// partial sums that nothing beats, bounded by the Lagrangian (Kellerer, Pferschy, Pisinger 2004,
// ch. 11): what is found is within 0.01 % of the best. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"

namespace lathe {

struct SchemeChoice {
  std::string scheme;
  std::uint64_t bytes = 0;
  double loss = 0.0;  // expected, not negative
};

// Matrices that get one scheme: one, or the experts of a layer.
struct MatrixChoices {
  std::vector<std::string> names;
  std::uint64_t weights = 0;
  std::vector<SchemeChoice> choices;  // at least one
};

// Which choice each gets, and what that comes to.
struct Allocation {
  std::vector<std::size_t> chosen;
  std::uint64_t bytes = 0;
  double loss = 0.0;
};

// Throws kUsage when the smallest choices take more, or the best lose more.
LATHE_API Allocation allocate_bytes(std::span<const MatrixChoices> matrices, std::uint64_t most);
LATHE_API Allocation allocate_loss(std::span<const MatrixChoices> matrices, double most);

// The frontier of size and loss from the smallest choices to the best: `points` of it at most, by
// bytes.
LATHE_API std::vector<Allocation> allocation_curve(std::span<const MatrixChoices> matrices,
                                                   std::size_t points);

}  // namespace lathe
