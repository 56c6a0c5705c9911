// Bench results as text: tables for people, records for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/bench.h"
#include "lathe/export.h"

namespace lathe {

// What was measured on what: the part of a record that does not come from the clock.
struct BenchSetting {
  std::string model_filename;
  std::string model_type;        // "llama 1.1B w4"
  std::uint64_t model_size = 0;  // bytes of weights
  std::uint64_t model_n_params = 0;
  int n_threads = 0;
  std::int64_t n_batch = 0;  // longest piece of a prefill computed at once
  std::string type_kv;       // "f16"
  std::string isa;           // kernel table
  std::string cpu_info;
  std::string test_time;  // ISO 8601, UTC
  std::string version;
};

// A result beside the machine's limit: the rate that the measured read bandwidth (decode) or
// the measured peak arithmetic (prefill) would allow, tokens per second.
struct BenchRow {
  BenchSetting setting;
  BenchResult result;
  std::optional<double> limit_ts;
  std::string limit_kind;  // "bandwidth" or "arithmetic"
};

enum class BenchFormat { kMarkdown, kCsv, kJson, kJsonl, kSql };

// "md", "csv", "json", "jsonl", "sql"; nothing for another name.
LATHE_API std::optional<BenchFormat> bench_format_by_name(std::string_view name) noexcept;

// Field names are llama-bench's where the meaning is the same.
LATHE_API std::string format_bench(std::span<const BenchRow> rows, BenchFormat format);

// Rows with sequences > 1 as llama-batched-bench prints them: PP TG B N_KV T_PP S_PP T_TG S_TG
// T S (seconds and tokens per second, medians).
LATHE_API std::string format_batched(std::span<const BenchRow> rows);

// Rows with traffic: tokens per second, and percentiles of the times to the first token and
// between tokens, over all runs.
LATHE_API std::string format_traffic(std::span<const BenchRow> rows);

}  // namespace lathe
