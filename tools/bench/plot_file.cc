#include "bench/plot_file.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "lathe/bench/plot.h"

namespace lathe::tool {
namespace {

std::string panel_of(const BenchCase& test) {
  if (test.start)
    return "From the start of a program to its first token, starts in tokens per second";
  if (test.traffic) return "Requests of many lengths, tokens read and written per second";
  if (test.sequences > 1) return "Sequences at once, tokens read and written per second";
  if (test.n_gen == 0) return "Prefill, tokens read per second";
  if (test.n_prompt == 0) return "Decode, tokens written per second";
  return "Prefill and decode, tokens read and written per second";
}

// What differs between the rows has to stand beside their bars, and what does not above them.
class Labels {
 public:
  explicit Labels(std::span<const BenchRow> rows) : first_(rows.front().setting) {
    for (const BenchRow& row : rows) {
      if (!row.command.empty()) continue;
      const BenchSetting& s = row.setting;
      models_ = models_ || s.model_filename != first_.model_filename;
      threads_ = threads_ || s.n_threads != first_.n_threads;
      batches_ = batches_ || s.n_batch != first_.n_batch;
      kv_types_ = kv_types_ || s.type_kv != first_.type_kv;
    }
  }

  std::string title() const {
    std::string out = models_ ? std::string("bench") : first_.model_filename;
    const auto add = [&](const std::string& more) { out += (out.empty() ? "" : ", ") + more; };
    if (!models_ && !first_.model_type.empty()) add(first_.model_type);
    if (!threads_ && first_.n_threads > 0) {
      add(fmt::format("{} thread{}", first_.n_threads, first_.n_threads == 1 ? "" : "s"));
    }
    if (!first_.isa.empty()) add(first_.isa);
    return out;
  }

  std::string of(const BenchRow& row) const {
    const BenchSetting& s = row.setting;
    std::string out = row.result.test.name();
    if (models_) out += ", " + s.model_filename;
    if (threads_) out += fmt::format(", -t {}", s.n_threads);
    if (batches_) out += fmt::format(", -b {}", s.n_batch);
    if (kv_types_) out += ", KV " + s.type_kv;
    return out;
  }

 private:
  const BenchSetting& first_;
  bool models_ = false, threads_ = false, batches_ = false, kv_types_ = false;
};

BenchBar bar_of(const BenchRow& row, std::string label, bool other) {
  const BenchSummary s = summarize(row.result.tokens_per_second());
  BenchBar bar{panel_of(row.result.test), std::move(label), s.median, s.min, s.max, other};
  if (!other) {
    bar.limit = row.limit_ts;
    bar.limit_kind = row.limit_kind;
  }
  return bar;
}

}  // namespace

PlotFile::PlotFile(const std::string& path, bool force) {
  if (!path.empty()) file_.emplace(path, force);
}

void PlotFile::write(std::span<const BenchRow> rows, std::span<const BenchRow> base,
                     const std::string& base_name) {
  if (!file_) return;
  std::vector<BenchBar> bars;
  std::string title = "bench";
  if (!rows.empty()) {
    const Labels labels(rows);
    title = labels.title();
    for (const BenchRow& row : rows) {
      if (!row.command.empty()) continue;
      bars.push_back(bar_of(row, labels.of(row), false));
      const std::string test = row.result.test.name();
      for (const BenchRow& other : rows) {
        if (other.command.empty() || other.result.test.name() != test) continue;
        bars.push_back(bar_of(other, other.program, true));
      }
      const auto before = std::find_if(base.begin(), base.end(), [&](const BenchRow& other) {
        return other.command.empty() && other.result.test.name() == test;
      });
      if (before != base.end()) bars.push_back(bar_of(*before, base_name, true));
    }
  }
  const bool limits =
      std::any_of(bars.begin(), bars.end(), [](const BenchBar& b) { return b.limit.has_value(); });
  file_->write(plot_svg(title,
                        limits ? "median, with the range of all runs; pale: what this machine's "
                                 "memory or arithmetic allows"
                               : "median, with the range of all runs",
                        bars));
  file_->commit();
}

}  // namespace lathe::tool
