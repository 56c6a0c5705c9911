#include "lathe/bench/load.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "bench/token_source.h"

namespace lathe {
namespace {

// Seconds, of "500ms", "0.5s" or "0.5".
double parse_seconds(std::string_view text, std::string_view whole) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const bool known = unit.empty() || unit == "s" || unit == "ms";
  if (error != std::errc() || !known || !(value > 0.0) || !std::isfinite(value)) {
    fail(ErrorCode::kUsage, "{}: {} is no time, such as 500ms or 0.5s", quoted(whole),
         quoted(text));
  }
  return unit == "ms" ? value / 1000 : value;
}

// Uniform in (0, 1].
double draw(TokenSource& source) {
  constexpr std::uint64_t kSteps = std::uint64_t{1} << 30;
  return static_cast<double>(source.below(kSteps) + 1) / static_cast<double>(kSteps);
}

bool kept(const LoadOutcome& outcome, const LoadObjective& objective) {
  if (!outcome.error.empty() || outcome.pieces.empty()) return false;
  const double first = outcome.pieces.front() - outcome.sent;
  if (objective.first_token > 0.0 && first > objective.first_token) return false;
  if (objective.per_token <= 0.0 || outcome.tokens < 2) return true;
  const double rest = outcome.pieces.back() - outcome.pieces.front();
  return rest / static_cast<double>(outcome.tokens - 1) <= objective.per_token;
}

}  // namespace

LoadObjective parse_objective(std::string_view text) {
  LoadObjective out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equal = part.find('=');
    const std::string_view name = part.substr(0, equal);
    if (equal == std::string_view::npos || (name != "ttft" && name != "tpot")) {
      fail(ErrorCode::kUsage, "{}: not an objective, such as ttft=500ms,tpot=50ms", quoted(text));
    }
    (name == "ttft" ? out.first_token : out.per_token) =
        parse_seconds(part.substr(equal + 1), text);
  }
  if (!out.any()) fail(ErrorCode::kUsage, "an empty objective: give one, as ttft=500ms,tpot=50ms");
  return out;
}

std::vector<LoadRequest> plan_load(const BenchTraffic& traffic, double rate, Arrivals arrivals,
                                   std::uint64_t seed) {
  TokenSource source(2);
  for (std::uint64_t i = 0; i <= seed % 1024; ++i) source.next();
  std::vector<LoadRequest> out;
  double at = 0.0;
  for (const BenchTraffic::Lengths& one : traffic.lengths()) {
    out.push_back({at, std::max<std::int64_t>(1, one.in), std::max<std::int64_t>(1, one.out)});
    at += arrivals == Arrivals::kFixed ? 1.0 : -std::log(draw(source));
  }
  // So many in so much time: given that, a Poisson process is one still.
  const double last = out.back().due;
  const double scale = last > 0.0 ? static_cast<double>(out.size() - 1) / rate / last : 1.0;
  for (LoadRequest& request : out) request.due *= scale;
  return out;
}

std::vector<LoadRequest> read_load_trace(std::string_view text, const std::string& path) {
  std::vector<LoadRequest> out;
  std::uint64_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}, line {}", path, number);
    const nlohmann::json document = parse_json(line, place);
    const JsonView root(document, place);
    constexpr std::int64_t kMost = std::int64_t{1} << 30;
    LoadRequest request{root.at("at").as_double(), root.at("in").as_int(1, kMost),
                        root.at("out").as_int(1, kMost)};
    const double before = out.empty() ? 0.0 : out.back().due;
    if (!(request.due >= before)) {
      fail(ErrorCode::kInvalid, "{}: the time {} is before {}", quoted(place), request.due, before);
    }
    out.push_back(request);
  }
  if (out.empty()) fail(ErrorCode::kInvalid, "{}: there is no request in it", quoted(path));
  return out;
}

LoadReport summarize_load(std::span<const LoadRequest> plan, std::span<const LoadOutcome> outcomes,
                          const LoadObjective& objective) {
  LoadReport out;
  out.requests = static_cast<std::int64_t>(outcomes.size());
  std::vector<double> first, per_token, between, total;
  double begin = 0.0, end = 0.0;
  for (const LoadOutcome& one : outcomes) {
    begin = out.answered + out.failed + out.turned_away == 0 ? one.sent : std::min(begin, one.sent);
    end = std::max({end, one.sent, one.pieces.empty() ? 0.0 : one.pieces.back()});
    if (!one.error.empty()) {
      ++(one.turned_away ? out.turned_away : out.failed);
      if (out.first_error.empty()) out.first_error = one.error;
      continue;
    }
    ++out.answered;
    out.prompt_tokens += one.prompt_tokens;
    out.tokens += one.tokens;
    if (kept(one, objective)) ++out.kept;
    if (one.pieces.empty()) continue;
    first.push_back(one.pieces.front() - one.sent);
    total.push_back(one.pieces.back() - one.sent);
    const double rest = one.pieces.back() - one.pieces.front();
    if (one.tokens > 1) per_token.push_back(rest / static_cast<double>(one.tokens - 1));
    for (std::size_t i = 1; i < one.pieces.size() && !one.whole; ++i) {
      between.push_back(one.pieces[i] - one.pieces[i - 1]);
    }
  }
  out.seconds = end - begin;
  const double planned = plan.empty() ? 0.0 : plan.back().due - plan.front().due;
  if (planned > 0.0) out.rate = static_cast<double>(plan.size() - 1) / planned;
  out.first_token = percentiles(std::move(first));
  out.per_token = percentiles(std::move(per_token));
  out.between = percentiles(std::move(between));
  out.total = percentiles(std::move(total));
  return out;
}

}  // namespace lathe
