// A part of a run's items, so that several processes, of one machine or of many, do the whole.
#pragma once

#include <cstdint>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// Every `count`-th item, from `number` on: neighbours, which are often alike, are shared out.
struct Shard {
  std::uint64_t number = 0, count = 1;

  bool whole() const noexcept { return count == 1; }
  bool has(std::uint64_t index) const noexcept { return index % count == number; }
  // The index of its item number k.
  std::uint64_t index(std::uint64_t k) const noexcept { return number + k * count; }
  // How many of so many items it has.
  std::uint64_t size(std::uint64_t items) const noexcept {
    return items > number ? (items - number - 1) / count + 1 : 0;
  }
};

// "3/8": the third of eight. Throws kUsage.
LATHE_API Shard parse_shard(std::string_view text);

}  // namespace lathe
