// Hidden states of a text's tokens, as they come, and the vector that they become.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "lathe/embedding.h"

namespace lathe {

// The Euclidean length, never 0: a vector divided by it has length 1, if any.
template <typename Number>
double length_of(std::span<const Number> vector) {
  double squares = 0.0;
  for (const auto x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::max(std::sqrt(squares), 1e-12);
}

class PooledStates {
 public:
  PooledStates(Pooling pooling, std::size_t size) : pooling_(pooling), sum_(size) {}

  // Whether each token's state is needed, or the last one's of a piece.
  bool wants_all() const noexcept { return pooling_ == Pooling::kMean; }

  // The states of the next piece, each of `size` numbers.
  void add(std::span<const float> states);

  // What they are together, scaled to length 1 if so. Throws kInvalid for what is no number.
  std::vector<float> vector(bool normalized) const;

 private:
  Pooling pooling_;
  std::vector<double> sum_;
  std::size_t count_ = 0;
};

}  // namespace lathe
