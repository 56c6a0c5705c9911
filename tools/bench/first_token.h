// bench --first-token: how long generate takes from its start to its first token, with the
// model's files in the page cache (warm) and without (cold).
//
// Errors: kIo (no generate beside this program, or it fails), kLimit (time is up).
#pragma once

#include <string>
#include <vector>

#include "lathe/bench/report.h"

#include "common/tool.h"

namespace lathe::tool {

struct FirstTokenPlan {
  std::string model;
  std::vector<BenchStart> starts;
  std::vector<std::string> arguments;  // of generate, besides model, prompt and threads
  int threads = 0;
  int repetitions = 0;
};

// A row for each start, without the setting. Nobody should have the model mapped meanwhile: pages
// that are in use stay in the cache, and cached_share tells.
std::vector<BenchRow> measure_first_token(const Tool& tool, const FirstTokenPlan& plan);

}  // namespace lathe::tool
