// Two sets of bench results side by side: ratios with intervals, and gates for CI.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/bench/bench.h"
#include "lathe/bench/report.h"
#include "lathe/export.h"

namespace lathe {

// One row of a results file: what was tested and its samples, tokens per second.
struct BenchRecord {
  std::string model;  // model_filename
  std::string test;   // "tg128@d4096", whoever wrote the file
  std::vector<double> samples_ts;
};

// Rows of our own; those of other programs measured beside them are left out.
LATHE_API std::vector<BenchRecord> bench_records(std::span<const BenchRow> rows);

struct BenchComparison {
  std::string test;
  double ours_ts = 0.0;  // medians
  double base_ts = 0.0;
  BenchRatio ratio;  // ours / base
};

// Pairs rows by test, in the order of `ours`; rows that only one side has are left out. When
// a file has several models, the first row of each test counts.
LATHE_API std::vector<BenchComparison> compare_records(std::span<const BenchRecord> ours,
                                                       std::span<const BenchRecord> base);

// "tg<-5%": missed when a test whose name begins with "tg" lost more than 5 %. An empty name
// ("<-5%") means every test.
struct BenchGate {
  std::string test_prefix;
  double percent = 0.0;  // change in percent, usually negative
};

// Throws kUsage.
LATHE_API BenchGate parse_gate(std::string_view text);
// Whether the gate says something about a test of this name.
LATHE_API bool gate_concerns(const BenchGate& gate, std::string_view test) noexcept;

// What a clock measured differs from run to run: a loss counts where the interval says that it is
// no noise. What was counted on the same tokens or questions is exact.
enum class GateOf { kClock, kCount };
LATHE_API bool gate_missed(const BenchGate& gate, const BenchComparison& comparison,
                           GateOf what = GateOf::kClock);

}  // namespace lathe
