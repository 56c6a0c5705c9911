// Times of a run of any length in bounded memory: mean and greatest of all of them, and the
// percentiles of an even sample (every one at first; each time the sample is full, every second
// of it goes and from then on every second, fourth, … time is taken).
//
// Used by one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lathe/batch.h"

namespace lathe {

class TimeSample {
 public:
  static constexpr std::size_t kMost = std::size_t{1} << 16;

  void add(double seconds) {
    sum_ += seconds;
    greatest_ = std::max(greatest_, seconds);
    if (count_++ % stride_ != 0) return;
    if (values_.size() == kMost) {
      for (std::size_t i = 0; i < kMost / 2; ++i) values_[i] = values_[2 * i];
      values_.resize(kMost / 2);
      stride_ *= 2;  // kMost strides were counted: this one is a multiple of the new stride too
    }
    values_.push_back(seconds);
  }

  Percentiles percentiles() const {
    Percentiles out = lathe::percentiles(values_);
    if (count_ == 0) return out;
    out.mean = sum_ / static_cast<double>(count_);
    out.max = greatest_;
    return out;
  }

  std::size_t size() const noexcept { return values_.size(); }

 private:
  std::vector<double> values_;
  std::uint64_t count_ = 0;
  std::uint64_t stride_ = 1;
  double sum_ = 0.0;
  double greatest_ = 0.0;
};

}  // namespace lathe
