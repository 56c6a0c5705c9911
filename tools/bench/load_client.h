// Sends requests when they are due to a server that speaks OpenAI's API, and notes when the pieces
// of its answers come.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lathe/bench/load.h"

#include "bench/load_prompt.h"

namespace lathe::tool {

struct LoadTarget {
  std::string url;      // "http://127.0.0.1:8080/v1", or "unix:PATH"
  std::string api_key;  // empty: none
  std::string model;    // as requests name it
  LoadPrompts prompts;
  double timeout = 600;  // seconds that an answer's next piece may take
};

// Throws kUsage for an address that is none.
void check_target(const LoadTarget& target);

// One thread for each request that is on its way. `on_end` is told how many have ended; false from
// `go_on` sends no more.
std::vector<LoadOutcome> send_load(const LoadTarget& target, std::span<const LoadRequest> plan,
                                   const std::function<void(std::size_t)>& on_end,
                                   const std::function<bool()>& go_on);

// The first model that the server names. Throws kIo where nobody answers.
std::string first_model(const LoadTarget& target);

}  // namespace lathe::tool
