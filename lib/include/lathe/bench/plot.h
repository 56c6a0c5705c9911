// Bench results as a picture: one bar per test, as SVG.
//
// Prefill runs at a hundred times the rate of decode, so each kind of test has a panel with a
// scale of its own. Bars of one panel stand in the order in which they are given. Rates are in
// tokens per second. Text of any origin is escaped. Thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

struct BenchBar {
  std::string panel;  // its heading; equal ones stand together
  std::string label;
  double value = 0.0;
  double low = 0.0, high = 0.0;      // whiskers: the range of the runs
  bool other = false;                // what ours is set beside: in grey
  std::optional<double> limit = {};  // what the machine allows: a pale bar behind
  std::string limit_kind = {};       // "bandwidth" or "arithmetic"
};

LATHE_API std::string plot_svg(std::string_view title, std::string_view subtitle,
                               std::span<const BenchBar> bars);

}  // namespace lathe
