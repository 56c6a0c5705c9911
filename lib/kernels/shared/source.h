// How the lines of a tile hold their weights. Included by each table's dots.h or weights.h.
#pragma once

namespace lathe {
namespace {

enum class Source {
  kNibbles,      // two quads of inputs per line, codes 0..15
  kGridNibbles,  // the same, and the weights are looked up: grid[code]
  kBytes,        // one quad per line, codes 0..255
};

constexpr int quads_per_line(Source source) noexcept { return source == Source::kBytes ? 1 : 2; }

}  // namespace
}  // namespace lathe
