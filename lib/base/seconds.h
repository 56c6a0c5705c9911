// Times as seconds.
#pragma once

#include <chrono>

namespace lathe {

inline double seconds_between(std::chrono::steady_clock::time_point from,
                              std::chrono::steady_clock::time_point to) noexcept {
  return std::chrono::duration<double>(to - from).count();
}

inline double seconds_since(std::chrono::steady_clock::time_point start) noexcept {
  return seconds_between(start, std::chrono::steady_clock::now());
}

}  // namespace lathe
