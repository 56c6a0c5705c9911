// How far a template may go. A template that a model's publisher wrote uses a thousandth of each.
#pragma once

#include <cstddef>

namespace lathe::jinja {

struct Limits {
  std::size_t source = std::size_t{1} << 20;    // bytes of the template's text
  std::size_t steps = 30'000'000;               // nodes visited, items made, 64 bytes of text moved
  std::size_t memory = std::size_t{256} << 20;  // bytes of all values that live at once
  std::size_t output = std::size_t{64} << 20;   // bytes of the text that is printed; four times as
                                                // many may be printed into blocks and macros
  int depth = 1000;  // expressions and calls within each other while it runs
};

// Statements and expressions within each other in the template's text.
inline constexpr int kMaxSyntaxDepth = 200;

}  // namespace lathe::jinja
