// Is the time that an input takes explained by its size?
#pragma once

#include <algorithm>
#include <ctime>
#include <gtest/gtest.h>
#include <string_view>

namespace lathe::test {

// Processor time of `call` in seconds, all threads of the process together.
template <typename Call>
double cpu_seconds(Call&& call) {
  const std::clock_t start = std::clock();
  call();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Calls work(n) and work(2n), and fails when the second takes more than three times as long.
// Below a tenth of a second nothing is said: only what grows too fast gets there.
template <typename Work>  // void(std::size_t)
void expect_time_to_grow_with(std::size_t n, std::string_view what, Work&& work) {
  double once = 1e9, twice = 1e9;
  for (int i = 0; i < 3; ++i) {
    once = std::min(once, cpu_seconds([&] { work(n); }));
    twice = std::min(twice, cpu_seconds([&] { work(2 * n); }));
    if (twice < 3 * once + 0.1) return;
  }
  ADD_FAILURE() << what << ": " << once << " s for " << n << ", " << twice << " s for twice that";
}

}  // namespace lathe::test
