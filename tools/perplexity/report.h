// What perplexity says: the figures for people and for programs, and what its gates look at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/bench/compare.h"
#include "lathe/perplexity.h"

namespace lathe::tool {

struct PerplexityNames {
  std::string model, base;   // models, or files of records
  std::int64_t context = 0;  // 0: the report is of records
};

std::string report_text(const PerplexityReport& report);
std::string report_json(const PerplexityReport& report, const PerplexityNames& names);

// As bench has it: a ratio with a 95 % interval, below 1 when something is lost. "perplexity" is
// the baseline's divided by ours, "same-top" the share of places where both think the same token
// likeliest. The report has a divergence.
std::vector<BenchComparison> losses_of(const PerplexityReport& report);

}  // namespace lathe::tool
