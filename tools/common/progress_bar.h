// A progress bar on stderr, for work that takes more than a second.
//
//   ProgressBar bar(tool, "convert", ProgressBar::Unit::kBytes);
//   convert(..., bar.callback());
//
// Drawn when stderr is a terminal (--progress auto) or always, never with -q. Use from one
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "lathe/host/progress.h"

namespace lathe::tool {

class Tool;

class ProgressBar {
 public:
  enum class Unit { kBytes, kCount };

  ProgressBar(const Tool& tool, std::string label, Unit unit = Unit::kCount);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `left`: seconds; 0: by the rate.
  void update(std::uint64_t done, std::uint64_t total, std::string_view what = {},
              double left = 0.0);
  // What was done before the bar began counts as done, but not for the rate.
  void begin_at(std::uint64_t done) noexcept { before_ = done; }
  // Wipes the bar; the destructor does so too. Call before printing anything else.
  void finish();

  // The bar must outlive the callback.
  ProgressCallback callback();

  struct State {
    std::uint64_t done = 0, total = 0;  // total 0: not known
    std::uint64_t before = 0;           // of `done`
    double seconds = 0.0, left = 0.0;
  };
  // One frame, at most `width` columns: separated for tests.
  static std::string frame(std::string_view label, Unit unit, const State& state,
                           std::string_view what, std::size_t width);

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  Unit unit_;
  bool enabled_ = false;
  bool drawn_ = false;
  std::uint64_t before_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

}  // namespace lathe::tool
