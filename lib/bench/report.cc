#include "lathe/bench/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"

#include "bench/check_cost.h"
#include "bench/tables.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// One flat record per row; every format but the table for people derives from it.
Json record(std::span<const BenchRow> rows, const BenchRow& row) {
  const BenchSetting& s = row.setting;
  const BenchCase& test = row.result.test;
  const std::vector<double> rates = row.result.tokens_per_second();
  const BenchSummary ts = summarize(rates);
  std::vector<double> times;
  std::vector<std::int64_t> samples_ns;
  for (const BenchSample& sample : row.result.samples) {
    samples_ns.push_back(sample.total_ns());
    times.push_back(static_cast<double>(sample.total_ns()));
  }
  const BenchSummary ns = summarize(times);

  Json r;
  r["build_commit"] = s.version;
  r["cpu_info"] = s.cpu_info;
  r["backends"] = "CPU";
  r["isa"] = s.isa;
  r["model_filename"] = s.model_filename;
  r["model_type"] = s.model_type;
  r["model_size"] = s.model_size;
  r["model_n_params"] = s.model_n_params;
  r["bytes_per_token"] = s.token_bytes;
  r["n_batch"] = s.n_batch;
  r["n_threads"] = s.n_threads;
  r["n_processes"] = s.n_processes;
  r["type_k"] = s.type_kv;
  r["type_v"] = s.type_kv;
  r["n_prompt"] = test.n_prompt;
  r["n_gen"] = test.n_gen;
  r["n_check"] = test.n_check;
  r["n_depth"] = test.n_depth;
  r["n_depth_computed"] =
      test.n_computed == 0 ? test.n_depth : std::min(test.n_computed, test.n_depth);
  r["n_sequences"] = test.sequences;
  r["test"] = test.name();
  r["test_time"] = s.test_time;
  r["avg_ns"] = static_cast<std::int64_t>(ns.mean);
  r["stddev_ns"] = static_cast<std::int64_t>(ns.stddev);
  r["avg_ts"] = ts.mean;
  r["stddev_ts"] = ts.stddev;
  r["median_ts"] = ts.median;
  r["min_ts"] = ts.min;
  r["max_ts"] = ts.max;
  r["limit_kind"] = row.limit_ts ? Json(row.limit_kind) : Json();
  r["limit_ts"] = row.limit_ts ? Json(*row.limit_ts) : Json();
  r["limit_share"] = row.limit_ts ? Json(ts.median / *row.limit_ts) : Json();
  r["peak_resident_bytes"] = or_null(row.use.peak_bytes);
  r["shared_bytes"] = or_null(row.use.shared_bytes);
  r["minor_faults"] = or_null(row.use.minor_faults);
  r["major_faults"] = or_null(row.use.major_faults);
  r["steal_share"] = row.use.steal_share;
  r["cached_share"] = or_null(row.cached_share);
  const CheckCost check = test.n_check > 0 ? check_cost(rows, row) : CheckCost();
  r["times_one"] = or_null(check.times_one);
  r["pays_above"] = or_null(check.pays_above);
  r["draft_filename"] = s.draft_filename.empty() ? Json() : Json(s.draft_filename);
  r["draft_ms"] = or_null(check.draft_ms);
  r["draft_pays_above"] = or_null(check.draft_pays_above);
  r["command"] = row.command.empty() ? Json() : Json(row.command);
  r["ratio"] = row.ratio ? Json(row.ratio->ratio) : Json();
  r["ratio_low"] = row.ratio ? Json(row.ratio->low) : Json();
  r["ratio_high"] = row.ratio ? Json(row.ratio->high) : Json();
  r["samples_ns"] = samples_ns;
  r["samples_ts"] = rates;
  return r;
}

// Names come from files and from other programs: nothing in them acts on a terminal.
std::string cell_text(const Json& value) {
  return value.is_string() ? printable(value.get<std::string>()) : value.dump();
}

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "\"\"";
  std::string text = cell_text(value);
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '"');
  }
  return fmt::format("\"{}\"", text);
}

std::string sql_cell(const Json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_number()) return value.dump();
  std::string text = cell_text(value);
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\'');
  }
  return fmt::format("'{}'", text);
}

template <typename Cell>
std::string joined(const Json& record, Cell&& cell) {
  std::string line;
  for (const auto& [key, value] : record.items()) {
    if (!line.empty()) line += ',';
    line += cell(key, value);
  }
  return line;
}

std::string as_csv(std::span<const BenchRow> rows) {
  std::string out;
  for (const BenchRow& row : rows) {
    const Json r = record(rows, row);
    if (out.empty()) {
      out = joined(r, [](const std::string& key, const Json&) { return key; }) + "\n";
    }
    out += joined(r, [](const std::string&, const Json& value) { return csv_cell(value); }) + "\n";
  }
  return out;
}

// The first row that has a value tells a column's type. What no row has (a ratio, without another
// program) is a number, but for names and lists.
std::string sql_type(const std::vector<Json>& records, const std::string& key) {
  for (const Json& r : records) {
    const Json& value = r.at(key);
    if (value.is_null()) continue;
    return value.is_number_float() ? "REAL" : value.is_number_integer() ? "INTEGER" : "TEXT";
  }
  const bool is_text = key == "command" || key == "limit_kind" || key == "draft_filename";
  return is_text ? "TEXT" : "REAL";
}

std::string as_sql(std::span<const BenchRow> rows) {
  std::vector<Json> records;
  for (const BenchRow& row : rows) records.push_back(record(rows, row));
  std::string out = fmt::format("CREATE TABLE IF NOT EXISTS lathe_bench ({});\n",
                                joined(records.front(), [&](const std::string& key, const Json&) {
                                  return fmt::format("{} {}", key, sql_type(records, key));
                                }));
  for (const Json& r : records) {
    out += fmt::format(
        "INSERT INTO lathe_bench ({}) VALUES ({});\n",
        joined(r, [](const std::string& key, const Json&) { return key; }),
        joined(r, [](const std::string&, const Json& value) { return sql_cell(value); }));
  }
  return out;
}

}  // namespace

std::optional<BenchFormat> bench_format_by_name(std::string_view name) noexcept {
  if (name == "md") return BenchFormat::kMarkdown;
  if (name == "csv") return BenchFormat::kCsv;
  if (name == "json") return BenchFormat::kJson;
  if (name == "jsonl") return BenchFormat::kJsonl;
  if (name == "sql") return BenchFormat::kSql;
  return std::nullopt;
}

std::string format_bench(std::span<const BenchRow> rows, BenchFormat format, std::size_t width) {
  if (rows.empty()) return format == BenchFormat::kJson ? "[]\n" : "";
  switch (format) {
    case BenchFormat::kMarkdown:
      return bench_tables(rows, width);
    case BenchFormat::kCsv:
      return as_csv(rows);
    case BenchFormat::kSql:
      return as_sql(rows);
    case BenchFormat::kJson: {
      Json all = Json::array();
      for (const BenchRow& row : rows) all.push_back(record(rows, row));
      return json_text(all, 2) + "\n";
    }
    case BenchFormat::kJsonl: {
      std::string out;
      for (const BenchRow& row : rows) {
        out += json_text(record(rows, row)) + "\n";
      }
      return out;
    }
  }
  return "";
}

}  // namespace lathe
