// Requests that are due given to workers (lathe/workers/pool.h), or to an engine of this process,
// in place of a server.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lathe/bench/load.h"
#include "lathe/engine.h"

#include "bench/load_prompt.h"

namespace lathe::tool {

// An answer whose tokens are no text has two times: that of its first token, as who computed it
// took it, and that of its end.
std::vector<LoadOutcome> send_load(RequestRunner& runner, const LoadPrompts& prompts,
                                   std::span<const LoadRequest> plan,
                                   const std::function<void(std::size_t)>& on_end,
                                   const std::function<bool()>& go_on);

}  // namespace lathe::tool
