// Prompts of requests that measure: random token ids, the same ones every time. None comes twice,
// since a server may keep what it computed of an earlier one.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace lathe::tool {

struct LoadPrompts {
  std::int64_t first_id = 256, end_id = 512;  // ids from the one to below the other
  std::uint64_t before = 0;                   // prompts that were sent before this load

  // `number` is the request's, of the load.
  std::vector<std::int64_t> draw(std::int64_t tokens, std::uint64_t number) const {
    std::minstd_rand random(static_cast<std::uint32_t>(before + number + 1));
    const auto span = static_cast<std::uint64_t>(end_id - first_id);
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < tokens; ++i) {
      out.push_back(first_id + static_cast<std::int64_t>(random() % span));
    }
    return out;
  }
};

}  // namespace lathe::tool
