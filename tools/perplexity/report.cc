#include "perplexity/report.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "lathe/host/json_text.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json json_of(const PerplexityFigures& f) {
  return {{"perplexity", f.perplexity}, {"error", or_null(f.error)}, {"mean_nll", f.mean_nll}};
}

void put_divergence(Json& out, const DivergenceFigures& d, const std::string& base) {
  out["base"] = json_of(d.base);
  out["base"]["model"] = base;
  out["ln_ratio"] = {{"mean", d.ln_ratio}, {"error", or_null(d.ln_ratio_error)}};
  if (d.kl) {
    const KlFigures& kl = *d.kl;
    out["kl"] = {{"mean", kl.mean}, {"error", or_null(kl.error)},
                 {"min", kl.min},   {"median", kl.median},
                 {"p90", kl.p90},   {"p95", kl.p95},
                 {"p99", kl.p99},   {"p99.9", kl.p999},
                 {"max", kl.max}};
  }
  if (d.same_top) {
    out["same_top"] = {{"share", *d.same_top}, {"error", or_null(d.same_top_error)}};
  }
  out["delta_p"] = {{"rms", d.rms_delta_p}, {"mean", d.mean_delta_p}};
}

}  // namespace

std::string report_json(const PerplexityReport& r, const PerplexityNames& names) {
  Json out = {{"schema", "lathe.perplexity/1"}, {"model", names.model}};
  if (names.context > 0) {  // of records neither is known
    out["context"] = names.context;
    out["tokens"] = r.tokens;
  }
  out["chunks"] = r.chunks;
  out["scored"] = r.scored;
  out["perplexity"] = r.model.perplexity;
  out["error"] = or_null(r.model.error);
  out["mean_nll"] = r.model.mean_nll;
  if (names.context > 0) out["seconds"] = r.seconds;
  if (r.divergence) put_divergence(out, *r.divergence, names.base);
  return json_text(out, 2) + "\n";
}

std::string report_text(const PerplexityReport& r) {
  const auto line = [](const char* name, const std::string& value) {
    return fmt::format("{:<18}{}\n", name, value);
  };
  // One token alone has no standard error.
  const auto with_error = [](double value, const std::optional<double>& error, int digits,
                             double scale = 1.0) {
    // Of a model that knows nothing of the text; a hundred digits say no more than four.
    const char* const form = scale * value < 1e9 ? "{:.{}f}" : "{:.{}e}";
    const auto shown = [&](double x) { return fmt::format(fmt::runtime(form), scale * x, digits); };
    return error ? shown(value) + " ± " + shown(*error) : shown(value);
  };
  std::string out = line("perplexity", with_error(r.model.perplexity, r.model.error, 4));
  if (r.divergence) {
    const DivergenceFigures& d = *r.divergence;
    out += line("base perplexity", with_error(d.base.perplexity, d.base.error, 4));
    const double ratio = std::exp(d.ln_ratio);
    out += line("ppl/base", with_error(1.0, d.ln_ratio_error, 6, ratio));
    out += line("ln(ppl/base)", with_error(d.ln_ratio, d.ln_ratio_error, 6));
    if (d.kl) {
      out += line("KL mean", with_error(d.kl->mean, d.kl->error, 6));
      const std::pair<const char*, double> shares[] = {
          {"KL median", d.kl->median}, {"KL 90 %", d.kl->p90},    {"KL 95 %", d.kl->p95},
          {"KL 99 %", d.kl->p99},      {"KL 99.9 %", d.kl->p999}, {"KL max", d.kl->max}};
      for (const auto& [name, value] : shares) out += line(name, fmt::format("{:.6f}", value));
    }
    out += line("RMS delta p", fmt::format("{:.3f} %", 100.0 * d.rms_delta_p));
    if (d.same_top) {
      out += line("same top token", with_error(*d.same_top, d.same_top_error, 3, 100.0) + " %");
    }
  }
  return out;
}

std::vector<BenchComparison> losses_of(const PerplexityReport& report) {
  constexpr double kSigmas = 1.959964;
  const DivergenceFigures& d = *report.divergence;
  const std::optional<double> ratio_error = d.ln_ratio_error;
  const std::optional<double> top_error = d.same_top_error;
  const double ratio_spread = kSigmas * ratio_error.value_or(HUGE_VAL);
  const double top_spread = kSigmas * top_error.value_or(HUGE_VAL);
  std::vector<BenchComparison> out = {{"perplexity",
                                       report.model.perplexity,
                                       d.base.perplexity,
                                       {std::exp(-d.ln_ratio), std::exp(-d.ln_ratio - ratio_spread),
                                        std::exp(-d.ln_ratio + ratio_spread)}}};
  if (d.same_top) {
    const double top = *d.same_top;
    out.push_back(
        {"same-top", 100.0 * top, 100.0, {top, top - top_spread, top + top_spread}});  // percent
  }
  return out;
}

}  // namespace lathe::tool
