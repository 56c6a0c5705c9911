#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/bench/load.h"
#include "lathe/host/json_text.h"

#include "bench/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string milliseconds(double seconds) { return fmt::format("{:.0f}", 1000 * seconds); }
std::string fine_milliseconds(double seconds) { return fmt::format("{:.1f}", 1000 * seconds); }

Json json_of(const Percentiles& p) {
  return {{"mean", p.mean}, {"p50", p.p50}, {"p90", p.p90}, {"p99", p.p99}, {"max", p.max}};
}

Json json_of(const LoadReport& report, const LoadObjective& objective) {
  Json out = {{"rate", report.rate},
              {"requests", report.requests},
              {"answered", report.answered},
              {"turned_away", report.turned_away},
              {"failed", report.failed},
              {"seconds", report.seconds},
              {"prompt_tokens", report.prompt_tokens},
              {"tokens", report.tokens},
              {"throughput", report.throughput()},
              {"ttft", json_of(report.first_token)},
              {"tpot", json_of(report.per_token)},
              {"itl", json_of(report.between)},
              {"total", json_of(report.total)}};
  if (objective.any()) {
    out["kept"] = report.kept;
    out["goodput"] = report.goodput();
    out["holds"] = report.holds(objective);
  }
  if (!report.first_error.empty()) out["first_error"] = report.first_error;
  return out;
}

}  // namespace

std::string load_text(std::span<const LoadReport> reports, const LoadObjective& objective,
                      std::size_t width) {
  TableLines lines = {{"rate", "answered", "turned away", "failed", "ttft p50", "p90", "p99",
                       "tpot p50", "p90", "p99", "itl p99", "tokens/s"}};
  if (objective.any()) {
    lines[0].insert(lines[0].end(), {"kept", "goodput"});
  }
  for (const LoadReport& r : reports) {
    lines.push_back({fmt::format("{:.2f}", r.rate), fmt::format("{}", r.answered),
                     fmt::format("{}", r.turned_away), fmt::format("{}", r.failed),
                     milliseconds(r.first_token.p50), milliseconds(r.first_token.p90),
                     milliseconds(r.first_token.p99), fine_milliseconds(r.per_token.p50),
                     fine_milliseconds(r.per_token.p90), fine_milliseconds(r.per_token.p99),
                     fine_milliseconds(r.between.p99), fmt::format("{:.0f}", r.throughput())});
    if (!objective.any()) continue;
    const double share = 100.0 * static_cast<double>(r.kept) /
                         static_cast<double>(std::max<std::int64_t>(1, r.requests));
    lines.back().insert(lines.back().end(),
                        {fmt::format("{:.1f} %", share), fmt::format("{:.2f}", r.goodput())});
  }
  return text_table(std::move(lines), 0, width) +
         "Rates and goodput in requests per second, times in milliseconds.\n";
}

std::string load_json(std::span<const LoadReport> reports, const LoadObjective& objective) {
  Json runs = Json::array();
  for (const LoadReport& report : reports) runs.push_back(json_of(report, objective));
  Json out = {{"schema", "lathe.load/1"}};
  if (objective.any()) {
    out["objective"] = {
        {"ttft", objective.first_token}, {"tpot", objective.per_token}, {"share", objective.share}};
  }
  out["runs"] = std::move(runs);
  return json_text(out) + "\n";
}

}  // namespace lathe
