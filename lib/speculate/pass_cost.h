// What a pass over so many rows costs here, as it was measured: running means, and straight lines
// between and beyond them. Belongs to one thread.
#pragma once

#include <array>
#include <cstdint>

namespace lathe {

class PassCost {
 public:
  // More rows than these cost as much each as the last of them.
  static constexpr std::int64_t kMaxRows = 128;

  void note(std::int64_t rows, double seconds) noexcept;
  // Seconds, or before the first measurement a guess in units of a pass of one row.
  double of(std::int64_t rows) const noexcept;
  // Whether so few rows, or fewer, were never measured, though more were: what others cost beside
  // them is a guess.
  bool lacks(std::int64_t rows) const noexcept;

 private:
  std::array<double, kMaxRows + 1> seconds_ = {};  // by rows; 0: not measured
};

}  // namespace lathe
