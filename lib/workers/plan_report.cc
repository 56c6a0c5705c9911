#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/host/json_text.h"
#include "lathe/workers/plan.h"

#include "bench/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string milliseconds(double seconds) {
  return std::isfinite(seconds) ? fmt::format("{:.1f}", 1000 * seconds) : "never";
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

// A time that never comes is no number.
Json time_json(double seconds) { return std::isfinite(seconds) ? Json(seconds) : Json(); }

Json json_of(const WorkerSplit& split) {
  return {{"prefill", split.prefill},
          {"decode", split.decode},
          {"both", split.both},
          {"highest_rate", split.highest_rate},
          {"bound", to_string(split.bound)},
          {"ttft", time_json(split.first_token)},
          {"tpot", time_json(split.per_token)},
          {"batch", split.batch},
          {"prefill_busy", split.prefill_busy},
          {"decode_busy", split.decode_busy}};
}

std::string rates_text(const WorkerRates& rates, const RequestLengths& lengths) {
  std::string out =
      fmt::format("Prompts of {:.0f} tokens at {:.0f} a second, answers of {:.0f} at ",
                  lengths.prompt, rates.prefill, lengths.answer);
  for (const DecodeRate& one : rates.decode) {
    const bool first = &one == rates.decode.data();
    out += fmt::format("{}{:.0f} ({:g})", first ? "" : ", ", one.tokens_per_second, one.batch);
  }
  out += ".\n";
  if (rates.transfer > 0.0 && rates.bytes_per_token > 0.0) {
    out += fmt::format("Pages of {:.1f} MB a prompt, {:.0f} MB a second.\n",
                       1e-6 * rates.bytes_per_token * lengths.prompt, 1e-6 * rates.transfer);
  }
  return out + "\n";
}

}  // namespace

std::string plan_text(const WorkerPlan& plan, const WorkerRates& rates,
                      const RequestLengths& lengths, std::size_t width) {
  TableLines lines = {{"workers", "bound by", "highest rate", "ttft", "tpot", "batch",
                       "prompts busy", "answers busy"}};
  for (std::size_t i = 0; i < plan.splits.size(); ++i) {
    const WorkerSplit& s = plan.splits[i];
    const std::string mark = i == plan.best ? " *" : "";
    lines.push_back({s.both > 0 ? fmt::format("{} both", s.both)
                                : fmt::format("{} prefill, {} decode{}", s.prefill, s.decode, mark),
                     to_string(s.bound), fmt::format("{:.3g}", s.highest_rate),
                     milliseconds(s.first_token), milliseconds(s.per_token),
                     fmt::format("{:.1f}", s.batch), percent(s.prefill_busy),
                     percent(s.decode_busy)});
  }
  return rates_text(rates, lengths) + text_table(std::move(lines), 2, width) +
         fmt::format(
             "Rates in requests per second; times, in milliseconds, are means at {:.3g} of them.\n",
             plan.rate);
}

std::string plan_json(const WorkerPlan& plan, const WorkerRates& rates,
                      const RequestLengths& lengths, const LoadObjective& objective) {
  Json decode = Json::array();
  for (const DecodeRate& one : rates.decode) {
    decode.push_back({{"batch", one.batch}, {"tokens_per_second", one.tokens_per_second}});
  }
  Json splits = Json::array();
  for (const WorkerSplit& split : plan.splits) splits.push_back(json_of(split));
  Json out = {{"schema", "lathe.plan/1"},
              {"rates",
               {{"prefill", rates.prefill},
                {"decode", decode},
                {"transfer", rates.transfer},
                {"bytes_per_token", rates.bytes_per_token}}},
              {"prompt_tokens", lengths.prompt},
              {"answer_tokens", lengths.answer},
              {"rate", plan.rate}};
  if (objective.any()) {
    out["objective"] = {{"ttft", objective.first_token}, {"tpot", objective.per_token}};
  }
  out["best"] = json_of(plan.splits[plan.best]);
  out["splits"] = std::move(splits);
  return json_text(out) + "\n";
}

}  // namespace lathe
