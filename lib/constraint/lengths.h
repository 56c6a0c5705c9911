// What each expression of a grammar can derive, before it is compiled.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "constraint/rules.h"

namespace lathe {

class Lengths {
 public:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  // In time that grows as n log n with the grammar, whatever rules use each other how.
  explicit Lengths(const Rules& rules);

  // Bytes of the shortest text; kNone where there is no text.
  std::uint64_t shortest(NodeId node) const noexcept { return shortest_[node]; }
  bool derives(NodeId node) const noexcept { return shortest_[node] != kNone; }
  bool derives_empty(NodeId node) const noexcept { return shortest_[node] == 0; }
  // Whether there is a text with a byte in it.
  bool derives_bytes(NodeId node) const noexcept { return bytes_[node] != 0; }

 private:
  struct Graph;
  void find_shortest(const Rules& rules, const Graph& graph);
  void find_bytes(const Rules& rules, const Graph& graph);

  std::vector<std::uint64_t> shortest_;
  std::vector<char> bytes_;
};

}  // namespace lathe
