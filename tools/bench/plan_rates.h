// The rates that a plan for workers is made of, measured here or given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lathe/model.h"
#include "lathe/workers/plan.h"

#include "common/tool.h"

namespace lathe::tool {

// "1:40,8:210": answers side by side, and the tokens per second of all of them. Throws kUsage.
std::vector<DecodeRate> parse_decode_rates(const std::string& text);

struct RateOptions {
  int threads = 0;
  std::int64_t max_batch = 16;
  int repetitions = 1;
};

// One worker's, by the engine with prompts and answers of these lengths, and the way between two
// processes of this machine. What `known` has is not measured.
WorkerRates measure_rates(const Tool& tool, const std::shared_ptr<const Model>& model,
                          const RequestLengths& lengths, const RateOptions& options,
                          WorkerRates known);

}  // namespace lathe::tool
