// quantize --verify: is a file what its recipe makes of a model?
#pragma once

#include <string>

#include "common/tool.h"
#include "quantize/statistics.h"

namespace lathe::tool {

struct VerifyRequest {
  std::string file;
  std::string against;    // the model
  std::string tokenizer;  // a file, in the place of the model's own; empty: none
};

// 0 when it is, 1 otherwise.
int verify(const Tool& tool, const VerifyRequest& request, const StatisticsOptions& options);

}  // namespace lathe::tool
