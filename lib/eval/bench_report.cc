#include "lathe/bench_report.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNs = 1e9;

// One flat record per row; every format but the table for people derives from it.
Json record(const BenchRow& row) {
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
  r["n_batch"] = s.n_batch;
  r["n_threads"] = s.n_threads;
  r["type_k"] = s.type_kv;
  r["type_v"] = s.type_kv;
  r["n_prompt"] = test.n_prompt;
  r["n_gen"] = test.n_gen;
  r["n_depth"] = test.n_depth;
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
  r["samples_ns"] = samples_ns;
  r["samples_ts"] = rates;
  return r;
}

std::string csv_cell(const Json& value) {
  if (value.is_null()) return "\"\"";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '"');
  }
  return fmt::format("\"{}\"", text);
}

std::string sql_cell(const Json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_number()) return value.dump();
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
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
    const Json r = record(row);
    if (out.empty()) {
      out = joined(r, [](const std::string& key, const Json&) { return key; }) + "\n";
    }
    out += joined(r, [](const std::string&, const Json& value) { return csv_cell(value); }) + "\n";
  }
  return out;
}

std::string as_sql(std::span<const BenchRow> rows) {
  std::string out;
  for (const BenchRow& row : rows) {
    const Json r = record(row);
    if (out.empty()) {
      out = fmt::format("CREATE TABLE IF NOT EXISTS lathe_bench ({});\n",
                        joined(r, [](const std::string& key, const Json& value) {
                          const char* type = value.is_number_float()     ? "REAL"
                                             : value.is_number_integer() ? "INTEGER"
                                                                         : "TEXT";
                          return fmt::format("{} {}", key, type);
                        }));
    }
    out += fmt::format(
        "INSERT INTO lathe_bench ({}) VALUES ({});\n",
        joined(r, [](const std::string& key, const Json&) { return key; }),
        joined(r, [](const std::string&, const Json& value) { return sql_cell(value); }));
  }
  return out;
}

std::string human_size(double bytes) {
  if (bytes >= 1024.0 * 1024.0 * 1024.0) return fmt::format("{:.2f} GiB", bytes / 0x1p30);
  return fmt::format("{:.2f} MiB", bytes / 0x1p20);
}

std::string human_count(double n) {
  if (n >= 1e9) return fmt::format("{:.2f} B", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.2f} M", n / 1e6);
  return fmt::format("{:.1f} k", n / 1e3);
}

// Width on a terminal: code points, which is right for everything printed here.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// A Markdown table whose columns also line up on a terminal; numbers to the right.
std::string table(const std::vector<std::vector<std::string>>& lines, std::size_t text_columns) {
  std::vector<std::size_t> widths(lines[0].size(), 3);
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width(line[c]));
  }
  std::string out;
  for (std::size_t l = 0; l < lines.size(); ++l) {
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string pad(widths[c] - width(lines[l][c]), ' ');
      out += c < text_columns ? fmt::format("| {}{} ", lines[l][c], pad)
                              : fmt::format("| {}{} ", pad, lines[l][c]);
    }
    out += "|\n";
    if (l > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string dashes(widths[c], '-');
      out += c < text_columns ? fmt::format("| {} ", dashes) : fmt::format("| {}:", dashes);
    }
    out += "|\n";
  }
  return out;
}

std::string as_markdown(std::span<const BenchRow> rows) {
  std::vector<std::vector<std::string>> lines = {
      {"model", "test", "size", "params", "threads", "t/s", "median", "of limit"}};
  for (const BenchRow& row : rows) {
    const std::vector<double> rates = row.result.tokens_per_second();
    const BenchSummary ts = summarize(rates);
    lines.push_back(
        {row.setting.model_type, row.result.test.name(),
         human_size(static_cast<double>(row.setting.model_size)),
         human_count(static_cast<double>(row.setting.model_n_params)),
         fmt::format("{}", row.setting.n_threads),
         fmt::format("{:.2f} ± {:.2f}", ts.mean, ts.stddev), fmt::format("{:.2f}", ts.median),
         row.limit_ts
             ? fmt::format("{:.0f} % {}", 100.0 * ts.median / *row.limit_ts, row.limit_kind)
             : std::string("-")});
  }
  return table(lines, 2);
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

std::string format_bench(std::span<const BenchRow> rows, BenchFormat format) {
  if (rows.empty()) return format == BenchFormat::kJson ? "[]\n" : "";
  switch (format) {
    case BenchFormat::kMarkdown:
      return as_markdown(rows);
    case BenchFormat::kCsv:
      return as_csv(rows);
    case BenchFormat::kSql:
      return as_sql(rows);
    case BenchFormat::kJson: {
      Json all = Json::array();
      for (const BenchRow& row : rows) all.push_back(record(row));
      return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    case BenchFormat::kJsonl: {
      std::string out;
      for (const BenchRow& row : rows) {
        out += record(row).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
      }
      return out;
    }
  }
  return "";
}

std::string format_traffic(std::span<const BenchRow> rows) {
  std::vector<std::vector<std::string>> lines = {
      {"requests", "in", "out", "T s", "S t/s", "TTFT p50 s", "p99 s", "step p50 ms", "p99 ms"}};
  for (const BenchRow& row : rows) {
    std::vector<double> total, first, step;
    for (const BenchSample& sample : row.result.samples) {
      total.push_back(static_cast<double>(sample.total_ns()));
      first.insert(first.end(), sample.first_token_ns.begin(), sample.first_token_ns.end());
      step.insert(step.end(), sample.step_ns.begin(), sample.step_ns.end());
    }
    std::int64_t in = 0, out = 0;
    for (const BenchTraffic::Lengths& one : row.result.test.traffic->lengths()) {
      in += one.in;
      out += one.out;
    }
    const auto at = [](std::vector<double>& values, double share) {
      if (values.empty()) return 0.0;
      std::sort(values.begin(), values.end());
      return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
    };
    lines.push_back(
        {fmt::format("{}", row.result.test.traffic->requests), fmt::format("{}", in),
         fmt::format("{}", out), fmt::format("{:.3f}", at(total, 0.5) / kNs),
         fmt::format("{:.2f}", summarize(row.result.tokens_per_second()).median),
         fmt::format("{:.3f}", at(first, 0.5) / kNs), fmt::format("{:.3f}", at(first, 0.99) / kNs),
         fmt::format("{:.2f}", at(step, 0.5) / 1e6), fmt::format("{:.2f}", at(step, 0.99) / 1e6)});
  }
  return table(lines, 0);
}

std::string format_batched(std::span<const BenchRow> rows) {
  std::vector<std::vector<std::string>> lines = {
      {"PP", "TG", "B", "N_KV", "T_PP s", "S_PP t/s", "T_TG s", "S_TG t/s", "T s", "S t/s"}};
  for (const BenchRow& row : rows) {
    const BenchCase& t = row.result.test;
    std::vector<double> prompt, gen, total;
    for (const BenchSample& s : row.result.samples) {
      prompt.push_back(static_cast<double>(s.prompt_ns) / kNs);
      gen.push_back(static_cast<double>(s.gen_ns) / kNs);
      total.push_back(static_cast<double>(s.total_ns()) / kNs);
    }
    const double t_pp = summarize(prompt).median;
    const double t_tg = summarize(gen).median;
    const double seconds = summarize(total).median;
    const auto rate = [&](std::int64_t tokens, double time) {
      return time > 0.0 ? fmt::format("{:.2f}", static_cast<double>(tokens * t.sequences) / time)
                        : std::string("-");
    };
    lines.push_back(
        {fmt::format("{}", t.n_prompt), fmt::format("{}", t.n_gen), fmt::format("{}", t.sequences),
         fmt::format("{}", (t.n_depth + t.n_prompt + t.n_gen) * t.sequences),
         fmt::format("{:.3f}", t_pp), rate(t.n_prompt, t_pp), fmt::format("{:.3f}", t_tg),
         rate(t.n_gen, t_tg), fmt::format("{:.3f}", seconds), rate(t.n_prompt + t.n_gen, seconds)});
  }
  return table(lines, 0);
}

}  // namespace lathe
