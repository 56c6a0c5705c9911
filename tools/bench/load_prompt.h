// Prompts of requests that measure: random token ids, the same ones every time.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace lathe::tool {

// From `first_id` to below `end_id`; `number` is the request's.
inline std::vector<std::int64_t> load_prompt(std::int64_t tokens, std::int64_t first_id,
                                             std::int64_t end_id, std::uint64_t number) {
  std::minstd_rand random(static_cast<std::uint32_t>(number + 1));
  const auto span = static_cast<std::uint64_t>(end_id - first_id);
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < tokens; ++i) {
    out.push_back(first_id + static_cast<std::int64_t>(random() % span));
  }
  return out;
}

}  // namespace lathe::tool
