// Bench results as text: tables for people, records for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/bench/bench.h"
#include "lathe/bench/machine.h"
#include "lathe/export.h"

namespace lathe {

// What was measured on what: the part of a record that does not come from the clock.
struct BenchSetting {
  std::string model_filename;
  std::string model_type;        // "llama 1.1B w4"
  std::uint64_t model_size = 0;  // bytes of weights
  std::uint64_t model_n_params = 0;
  std::uint64_t token_bytes = 0;  // of weights that are read for one token
  int n_threads = 0;              // of each process
  int n_processes = 1;            // that computed the model together
  std::int64_t n_batch = 0;       // longest piece of a prefill computed at once
  std::string type_kv;            // "f16"
  std::string isa;                // kernel table
  std::string cpu_info;
  std::string test_time;  // ISO 8601, UTC
  std::string version;
  std::string draft_filename = {};  // of the smaller model that drafted; empty: none did
};

struct BenchRow {
  BenchSetting setting;
  BenchResult result;
  // The rate that the measured read bandwidth (decode) or the measured peak arithmetic (prefill)
  // would allow, tokens per second.
  std::optional<double> limit_ts;
  std::string limit_kind;  // "bandwidth" or "arithmetic"
  ProcessUse use;
  // Of a start: the part of the model's bytes that was in the page cache before it. Of several
  // runs the one farthest from what the test is named after.
  std::optional<double> cached_share = {};
  // Another program that was measured in turn with ours: the command that ran it, and our rate
  // divided by its, where we have the same test. Empty for our own rows.
  std::string command = {};
  std::string program = {};  // a short name for it
  std::optional<BenchRatio> ratio = {};
};

enum class BenchFormat { kMarkdown, kCsv, kJson, kJsonl, kSql };

// "md", "csv", "json", "jsonl", "sql"; nothing for another name.
LATHE_API std::optional<BenchFormat> bench_format_by_name(std::string_view name) noexcept;

// Field names are llama-bench's where the meaning is the same. The table for people is one of
// several: speeds; batches as llama-batched-bench prints them (PP TG B N_KV T_PP S_PP T_TG S_TG T
// S, seconds and tokens per second, medians); traffic with percentiles of the times to the first
// token and between tokens; starts; other programs; what the process took. Those that have rows.
// `width`: columns of the terminal that the tables are for, 0 where there is none.
LATHE_API std::string format_bench(std::span<const BenchRow> rows, BenchFormat format,
                                   std::size_t width = 0);

// The tables alone that set other programs beside ours.
LATHE_API std::string format_beside(std::span<const BenchRow> rows, std::size_t width = 0);

// Reads a JSON array or JSON lines as bench, llama-bench and llama-batched-bench write them. Of
// the samples only the sum of prompt and generation is known, but for llama-batched-bench. Throws
// kInvalid, naming `origin` and the row.
LATHE_API std::vector<BenchRow> read_bench_rows(std::string_view text, const std::string& origin);

}  // namespace lathe
