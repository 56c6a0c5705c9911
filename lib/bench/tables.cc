#include "bench/tables.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/host/escape.h"

#include "bench/check_cost.h"
#include "bench/text_table.h"

namespace lathe {
namespace {

constexpr double kNs = 1e9;
constexpr double kStealWorthSaying = 0.01;

using Lines = TableLines;

std::string human_size(double bytes) {
  if (bytes >= 1024.0 * 1024.0 * 1024.0) return fmt::format("{:.2f} GiB", bytes / 0x1p30);
  return fmt::format("{:.2f} MiB", bytes / 0x1p20);
}

std::string human_count(double n) {
  if (n >= 1e9) return fmt::format("{:.2f} B", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.2f} M", n / 1e6);
  return fmt::format("{:.1f} k", n / 1e3);
}

bool is_ours(const BenchRow& row) { return row.command.empty(); }

// What tells the models of a table apart: the file where there are several, with as much of its
// path as that takes; nothing where there is one.
std::vector<std::string> model_names(std::span<const BenchRow> rows) {
  const auto last_parts = [](std::string_view path, int parts) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    std::size_t at = path.size();
    for (; parts > 0 && at != std::string_view::npos && at > 0; --parts) {
      at = path.rfind('/', at - 1);
    }
    return std::string(at == std::string_view::npos || at == 0 ? path : path.substr(at + 1));
  };
  std::vector<std::string> files;
  for (const BenchRow& row : rows) {
    const std::string& file = row.setting.model_filename;
    if (is_ours(row) && std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
    }
  }
  std::vector<std::string> out(rows.size());
  if (files.size() < 2) return out;
  constexpr int kMaxParts = 32;
  int parts = 1;
  for (; parts < kMaxParts; ++parts) {
    std::vector<std::string> short_names;
    for (const std::string& file : files) short_names.push_back(last_parts(file, parts));
    std::sort(short_names.begin(), short_names.end());
    if (std::adjacent_find(short_names.begin(), short_names.end()) == short_names.end()) break;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!is_ours(rows[i])) continue;
    out[i] = escape_for_terminal(last_parts(rows[i].setting.model_filename, parts), 1000);
  }
  return out;
}

// A table with the models before its other columns, where there are several. `models` has one for
// each line but the heading.
std::string table_of_models(Lines lines, const std::vector<std::string>& models,
                            std::size_t text_columns, std::size_t width) {
  const bool several = std::any_of(models.begin(), models.end(),
                                   [](const std::string& model) { return !model.empty(); });
  constexpr std::string_view kSpare[] = {"minor faults", "T s", "N_KV", "major faults", "requests"};
  if (!several) return text_table(std::move(lines), text_columns, width, kSpare);
  lines[0].insert(lines[0].begin(), "model");
  for (std::size_t i = 0; i < models.size(); ++i) {
    lines[i + 1].insert(lines[i + 1].begin(), models[i]);
  }
  return text_table(std::move(lines), text_columns + 1, width, kSpare);
}

// One run alone has no spread.
std::string with_spread(const BenchSummary& ts, std::size_t samples) {
  return samples < 2 ? fmt::format("{:.2f}", ts.mean)
                     : fmt::format("{:.2f} ± {:.2f}", ts.mean, ts.stddev);
}

// Batch and type of the KV cache have columns when several were asked for.
std::string speeds(std::span<const BenchRow> rows, std::size_t width) {
  const auto differ = [&](auto&& value) {
    return std::any_of(rows.begin(), rows.end(), [&](const BenchRow& row) {
      return is_ours(row) && value(row.setting) != value(rows.front().setting);
    });
  };
  const bool batch = differ([](const BenchSetting& s) { return s.n_batch; });
  const bool kv = differ([](const BenchSetting& s) { return s.type_kv; });
  Lines lines = {{"model", "test", "size", "params", "threads"}};
  const auto add = [&](std::vector<std::string>& line, const std::string& n_batch,
                       const std::string& type_kv, std::vector<std::string> figures) {
    if (batch) line.push_back(n_batch);
    if (kv) line.push_back(type_kv);
    std::move(figures.begin(), figures.end(), std::back_inserter(line));
  };
  add(lines[0], "batch", "kv", {"t/s", "median", "of limit"});
  const std::vector<std::string> names = model_names(rows);
  for (const BenchRow& row : rows) {
    if (!is_ours(row)) continue;
    const std::string& name = names[static_cast<std::size_t>(&row - rows.data())];
    const BenchSetting& setting = row.setting;
    const std::vector<double> rates = row.result.tokens_per_second();
    const BenchSummary ts = summarize(rates);
    std::vector<std::string> line = {name.empty() ? setting.model_type : name,
                                     row.result.test.name(),
                                     human_size(static_cast<double>(setting.model_size)),
                                     human_count(static_cast<double>(setting.model_n_params)),
                                     fmt::format("{}", setting.n_threads)};
    add(line, fmt::format("{}", setting.n_batch), setting.type_kv,
        {with_spread(ts, rates.size()), fmt::format("{:.2f}", ts.median),
         row.limit_ts
             ? fmt::format("{:.0f} % {}", 100.0 * ts.median / *row.limit_ts, row.limit_kind)
             : std::string("-")});
    lines.push_back(std::move(line));
  }
  constexpr std::string_view kSpare[] = {"median", "params", "size"};
  return text_table(std::move(lines), 2, width, kSpare);
}

std::string traffic_figures(std::span<const BenchRow> rows, std::size_t width) {
  Lines lines = {
      {"requests", "in", "out", "T s", "S t/s", "TTFT p50 s", "p99 s", "step p50 ms", "p99 ms"}};
  const std::vector<std::string> names = model_names(rows);
  std::vector<std::string> models;
  for (const BenchRow& row : rows) {
    if (!is_ours(row) || !row.result.test.traffic) continue;
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
    models.push_back(names[static_cast<std::size_t>(&row - rows.data())]);
    lines.push_back(
        {fmt::format("{}", row.result.test.traffic->requests), fmt::format("{}", in),
         fmt::format("{}", out), fmt::format("{:.3f}", at(total, 0.5) / kNs),
         fmt::format("{:.2f}", summarize(row.result.tokens_per_second()).median),
         fmt::format("{:.3f}", at(first, 0.5) / kNs), fmt::format("{:.3f}", at(first, 0.99) / kNs),
         fmt::format("{:.2f}", at(step, 0.5) / 1e6), fmt::format("{:.2f}", at(step, 0.99) / 1e6)});
  }
  return table_of_models(std::move(lines), models, 0, width);
}

std::string batches(std::span<const BenchRow> rows, std::size_t width) {
  Lines lines = {
      {"PP", "TG", "B", "N_KV", "T_PP s", "S_PP t/s", "T_TG s", "S_TG t/s", "T s", "S t/s"}};
  const std::vector<std::string> names = model_names(rows);
  std::vector<std::string> models;
  for (const BenchRow& row : rows) {
    const BenchCase& t = row.result.test;
    if (!is_ours(row) || t.sequences < 2) continue;
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
    models.push_back(names[static_cast<std::size_t>(&row - rows.data())]);
    lines.push_back(
        {fmt::format("{}", t.n_prompt), fmt::format("{}", t.n_gen), fmt::format("{}", t.sequences),
         fmt::format("{}", (t.n_depth + t.n_prompt + t.n_gen) * t.sequences),
         fmt::format("{:.3f}", t_pp), rate(t.n_prompt, t_pp), fmt::format("{:.3f}", t_tg),
         rate(t.n_gen, t_tg), fmt::format("{:.3f}", seconds), rate(t.n_prompt + t.n_gen, seconds)});
  }
  return table_of_models(std::move(lines), models, 0, width);
}

std::string starts(std::span<const BenchRow> rows, std::size_t width) {
  Lines lines = {{"start", "first token s", "min s", "max s", "in the page cache before"}};
  const std::vector<std::string> names = model_names(rows);
  std::vector<std::string> models;
  for (const BenchRow& row : rows) {
    if (!is_ours(row) || !row.result.test.start) continue;
    std::vector<double> seconds;
    for (const BenchSample& sample : row.result.samples) {
      seconds.push_back(static_cast<double>(sample.total_ns()) / kNs);
    }
    const BenchSummary s = summarize(seconds);
    models.push_back(names[static_cast<std::size_t>(&row - rows.data())]);
    lines.push_back(
        {*row.result.test.start == BenchStart::kCold ? "cold" : "warm",
         fmt::format("{:.3f}", s.median), fmt::format("{:.3f}", s.min),
         fmt::format("{:.3f}", s.max),
         row.cached_share ? fmt::format("{:.1f} %", 100.0 * *row.cached_share) : "unknown"});
  }
  return table_of_models(std::move(lines), models, 1, width);
}

// What a pass over so many tokens costs, and from what share of held tokens on a draft of all but
// the first pays: one that was copied, and one that a smaller model wrote.
std::string checks(std::span<const BenchRow> rows, std::size_t width) {
  const bool drafts = std::any_of(rows.begin(), rows.end(), [](const BenchRow& row) {
    return !row.setting.draft_filename.empty();
  });
  Lines lines = {{"tokens checked", "depth", "ms a pass", "times one", "a draft pays above"}};
  if (drafts) lines[0].insert(lines[0].end(), {"ms a drafted token", "written, it pays above"});
  const auto number = [](const char* format, const std::optional<double>& value, double unit) {
    return value ? fmt::format(fmt::runtime(format), *value * unit) : std::string("-");
  };
  const std::vector<std::string> names = model_names(rows);
  std::vector<std::string> models;
  for (const BenchRow& row : rows) {
    const BenchCase& test = row.result.test;
    if (!is_ours(row) || test.n_check == 0) continue;
    const CheckCost cost = check_cost(rows, row);
    models.push_back(names[static_cast<std::size_t>(&row - rows.data())]);
    lines.push_back({fmt::format("{}", test.n_check), fmt::format("{}", test.n_depth),
                     fmt::format("{:.3f}", cost.ms), number("{:.2f}", cost.times_one, 1.0),
                     number("{:.0f} %", cost.pays_above, 100.0)});
    if (drafts) {
      lines.back().push_back(number("{:.3f}", cost.draft_ms, 1.0));
      lines.back().push_back(number("{:.0f} %", cost.draft_pays_above, 100.0));
    }
  }
  return table_of_models(std::move(lines), models, 0, width);
}

// Sizes and faults of each test, and what the host took away. Of another program only its whole
// run is known.
std::string use_of(std::span<const BenchRow> rows, std::size_t width) {
  const auto size = [](const std::optional<std::uint64_t>& bytes) {
    return bytes ? human_size(static_cast<double>(*bytes)) : std::string("-");
  };
  const auto count = [](const std::optional<std::uint64_t>& n) {
    return n ? fmt::format("{}", *n) : std::string("-");
  };
  Lines lines = {{"test", "peak memory", "of it files", "minor faults", "major faults"}};
  std::string stolen;
  const std::vector<std::string> names = model_names(rows);
  std::vector<std::string> models;
  for (const BenchRow& row : rows) {
    const std::string what = is_ours(row) ? row.result.test.name() : "all of " + row.program;
    const std::string shown = escape_for_terminal(what);
    if (!is_ours(row) && lines.back()[0] == shown) continue;
    const ProcessUse& use = row.use;
    models.push_back(names[static_cast<std::size_t>(&row - rows.data())]);
    lines.push_back({shown, size(use.peak_bytes), size(use.shared_bytes), count(use.minor_faults),
                     count(use.major_faults)});
    if (use.steal_share > kStealWorthSaying) {
      stolen += fmt::format("{}{}: the host gave {:.1f} % of the processors' time to others\n",
                            stolen.empty() ? "\n" : "", shown, 100.0 * use.steal_share);
    }
  }
  return table_of_models(std::move(lines), models, 1, width) + stolen;
}

}  // namespace

std::string format_beside(std::span<const BenchRow> rows, std::size_t width) {
  Lines lines = {{"test", "t/s", "beside", "its t/s", "ratio", "95 % interval"}};
  std::vector<std::pair<std::string, std::string>> commands;
  for (const BenchRow& row : rows) {
    if (is_ours(row)) continue;
    const std::pair<std::string, std::string> named = {row.program, row.command};
    if (std::find(commands.begin(), commands.end(), named) == commands.end()) {
      commands.push_back(named);
    }
    if (!row.ratio) continue;
    const std::string test = row.result.test.name();
    const auto ours = std::find_if(rows.begin(), rows.end(), [&](const BenchRow& other) {
      return is_ours(other) && other.result.test.name() == test;
    });
    if (ours == rows.end()) continue;
    const BenchRatio& ratio = *row.ratio;
    lines.push_back({escape_for_terminal(test),
                     fmt::format("{:.2f}", summarize(ours->result.tokens_per_second()).median),
                     escape_for_terminal(row.program),
                     fmt::format("{:.2f}", summarize(row.result.tokens_per_second()).median),
                     fmt::format("{:.3f}", ratio.ratio),
                     ratio.can_tell()
                         ? fmt::format("{:.3f} … {:.3f}", ratio.low, ratio.high)
                         : fmt::format("{:.3f} … {:.3f}, can't tell", ratio.low, ratio.high)});
  }
  if (commands.empty()) return "";
  std::string out = text_table(std::move(lines), 1, width) + "\n";
  for (const auto& [program, command] : commands) {
    out +=
        fmt::format("{}: {}\n", escape_for_terminal(program), escape_for_terminal(command, 1000));
  }
  return out;
}

std::string bench_tables(std::span<const BenchRow> rows, std::size_t width) {
  std::string out = speeds(rows, width);
  const auto add = [&](bool wanted, auto&& more) {
    if (wanted) out += "\n" + more(rows, width);
  };
  const auto any = [&](auto&& is) { return std::any_of(rows.begin(), rows.end(), is); };
  add(any([](const BenchRow& r) { return is_ours(r) && r.result.test.sequences > 1; }), batches);
  add(any([](const BenchRow& r) { return is_ours(r) && r.result.test.traffic; }), traffic_figures);
  add(any([](const BenchRow& r) { return is_ours(r) && r.result.test.start; }), starts);
  add(any([](const BenchRow& r) { return is_ours(r) && r.result.test.n_check > 0; }), checks);
  add(any([](const BenchRow& r) { return !is_ours(r); }), format_beside);
  add(any([](const BenchRow& r) { return r.use.peak_bytes.has_value(); }), use_of);
  return out;
}

}  // namespace lathe
