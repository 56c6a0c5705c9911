#include "quantize/budget.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <span>

#include "lathe/host/escape.h"
#include "lathe/host/output_file.h"
#include "lathe/perplexity.h"
#include "lathe/sensitivity.h"

#include "common/calibration_text.h"
#include "common/fail.h"
#include "common/human_bytes.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "quantize/curve.h"
#include "quantize/statistics.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kCurvePoints = 17;
constexpr int kAttempts = 8;
constexpr std::int64_t kContext = 512, kChunks = 12;
// Where in the range that keeps the promise an attempt aims.
constexpr double kLeast = 0.8, kAim = 0.92;

// "+1%" as 0.01.
double parse_percent(const std::string& text) {
  double value = 0.0;
  char sign = 0;
  const char* begin = text.c_str() + (text.starts_with('+') ? 1 : 0);
  char* end = nullptr;
  value = std::strtod(begin, &end);
  sign = end == nullptr ? '\0' : *end;
  if (end == begin || sign != '%' || end[1] != '\0' || !(value > 0.0) || !(value < 1000.0)) {
    fail_usage("--max-ppl {}: how much larger perplexity may be, as +1%", lathe::quoted(text));
  }
  return value / 100.0;
}

std::string escape_regex(const std::string& name) {
  std::string out = "^";
  for (const char c : name) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "$";
}

// What a file is measured to have lost.
struct Loss {
  double kld = 0.0;
  std::optional<double> kld_error;
  double ppl = 0.0;  // relative
  std::int64_t scored = 0;
};

struct Measured {
  double expected, measured;
};

// The loss to expect so that what is measured keeps the promise: on logarithms, between the
// nearest that were found to lose too little and too much, or by the ratio of the last.
double next_expected(std::span<const Measured> curve, double most) {
  const Measured *low = nullptr, *high = nullptr;
  for (const Measured& m : curve) {
    const bool keeps = m.measured <= most;
    const Measured*& bound = keeps ? low : high;
    if (bound == nullptr || (keeps ? m.expected > bound->expected : m.expected < bound->expected)) {
      bound = &m;
    }
  }
  const Measured& last = curve.back();
  if (low == nullptr || high == nullptr || low->measured <= 0.0) {
    const double wanted = last.measured > 0.0 ? kAim * most / last.measured : 3.0;
    return last.expected * std::clamp(wanted, 0.1, 4.0);
  }
  const double share =
      std::log(kAim * most / low->measured) / std::log(high->measured / low->measured);
  return low->expected * std::pow(high->expected / low->expected, std::clamp(share, 0.1, 0.9));
}

class Search {
 public:
  Search(const Tool& tool, const BudgetRequest& request,
         const std::shared_ptr<const Checkpoint>& checkpoint, const QuantizeOptions& how)
      : tool_(tool), request_(request), checkpoint_(checkpoint), how_(how) {
    text_ = request.text.empty() ? encode_calibration_text(tool, *checkpoint, kCalibrationText)
                                 : read_calibration_text(tool, *checkpoint, request.text);
    SensitivityOptions options;
    options.threads = how.threads;
    options.importance = how.importance;
    ProgressBar bar(tool, "sensitivity");
    options.progress = bar.callback();
    known_ = measure_sensitivity(checkpoint, text_.tokens, text_.bos, options);
    bar.finish();
    for (const MatrixChoices& matrix : known_.matrices) weights_ += matrix.weights;
  }

  std::vector<CurvePoint> curve() const {
    std::vector<CurvePoint> out;
    for (const Allocation& one : allocation_curve(known_.matrices, kCurvePoints)) {
      out.push_back({one.bytes + known_.other_bytes, bits_of(one.bytes), one.loss});
    }
    return out;
  }

  BudgetResult within_bytes(const std::string& output);
  BudgetResult within_loss(const std::string& output);

 private:
  double bits_of(std::uint64_t bytes) const {
    return 8.0 * static_cast<double>(bytes) / static_cast<double>(weights_);
  }
  BudgetResult write(const Allocation& allocation, const std::string& output);
  Loss measure(const std::string& file);
  void tell(const std::string& output, const Loss& loss, const Allocation& allocation) const;

  const Tool& tool_;
  const BudgetRequest& request_;
  std::shared_ptr<const Checkpoint> checkpoint_;
  QuantizeOptions how_;
  CalibrationText text_;
  Sensitivity known_;
  std::uint64_t weights_ = 0;
  std::optional<KeptPredictions> base_;  // from the first measurement on
};

BudgetResult Search::write(const Allocation& allocation, const std::string& output) {
  BudgetResult result;
  result.target = {output, how_};
  for (std::size_t m = 0; m < allocation.chosen.size(); ++m) {
    const std::string& scheme = known_.matrices[m].choices[allocation.chosen[m]].scheme;
    for (const std::string& name : known_.matrices[m].names) {
      result.target.options.rules.push_back({escape_regex(name), scheme});
    }
  }
  ProgressBar bar(tool_, "quantize", ProgressBar::Unit::kBytes);
  result.target.options.progress = bar.callback();
  result.report = quantize(*checkpoint_, output, result.target.options);
  bar.finish();
  how_.overwrite = true;  // from now on the output is ours
  return result;
}

Loss Search::measure(const std::string& file) {
  PerplexityOptions how;
  how.context = kContext;
  how.max_chunks = kChunks;
  const auto engine = [&](std::shared_ptr<const Checkpoint> checkpoint) {
    LoadOptions load;
    load.threads = how_.threads;
    EngineOptions options = perplexity_engine(how);
    options.threads = how_.threads;
    return Engine::create(Model::load(std::move(checkpoint), nullptr, load), nullptr, options);
  };
  if (!base_) {
    ProgressBar bar(tool_, "base");
    base_.emplace(*engine(checkpoint_), text_.tokens, text_.bos, how, bar.callback());
    bar.finish();
  }
  const auto ours = engine(Checkpoint::open(file));
  ProgressBar bar(tool_, "measure");
  const PerplexityReport report = base_->measure(*ours, bar.callback());
  bar.finish();
  return {report.divergence->kl->mean, report.divergence->kl->error,
          std::expm1(report.divergence->ln_ratio), report.scored};
}

void Search::tell(const std::string& output, const Loss& loss, const Allocation& allocation) const {
  tool_.note(fmt::format(
      "{}: KL {:.5f}{} (expected: {:.5f}), perplexity {:+.2f} %, on {} tokens; {:.2f} bits per "
      "weight of the matrices",
      lathe::escape_for_terminal(output), loss.kld,
      loss.kld_error ? fmt::format(" ± {:.5f}", *loss.kld_error) : "", allocation.loss,
      100.0 * loss.ppl, loss.scored, bits_of(allocation.bytes)));
}

BudgetResult Search::within_bytes(const std::string& output) {
  const bool by_size = request_.size > 0;
  const std::uint64_t least = allocation_curve(known_.matrices, 1).front().bytes;
  if (by_size && request_.size < known_.other_bytes + least) {
    fail_usage("--max-size {}: the smallest file that there are schemes for takes {}",
               human_bytes(request_.size), human_bytes(known_.other_bytes + least));
  }
  if (!by_size && request_.bits < bits_of(least)) {
    fail_usage("--max-bits {}: the smallest schemes take {:.2f}", request_.bits, bits_of(least));
  }
  std::uint64_t limit =
      by_size ? request_.size - known_.other_bytes
              : static_cast<std::uint64_t>(request_.bits / 8.0 * static_cast<double>(weights_));
  for (int attempt = 1;; ++attempt) {
    const Allocation allocation = allocate_bytes(known_.matrices, limit);
    BudgetResult result = write(allocation, output);
    // The recipe takes bytes that were not known before.
    const std::uint64_t size = std::filesystem::file_size(output);
    const std::uint64_t over = by_size && size > request_.size ? size - request_.size : 0;
    if (over > 0 && attempt < kAttempts && over < limit) {
      limit = std::min(limit, allocation.bytes) - over;
      continue;
    }
    result.kept = over == 0;
    tell(output, measure(output), allocation);
    return result;
  }
}

// The expected losses are to scale only nearly: they are corrected by what is measured.
BudgetResult Search::within_loss(const std::string& output) {
  const bool by_kld = request_.kld > 0.0;
  const double most = by_kld ? request_.kld : parse_percent(request_.ppl);
  double expected = by_kld ? kAim * most : std::log1p(most);
  struct Attempt {
    Allocation allocation;
    double measured;
  };
  const double least = (1.0 + 1e-9) * allocation_curve(known_.matrices, 2).back().loss;
  std::vector<Measured> curve;
  std::optional<Attempt> best;  // the smallest that keeps the promise
  BudgetResult result;
  Allocation last;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const Allocation allocation = allocate_loss(known_.matrices, expected);
    if (allocation.chosen == last.chosen) break;
    last = allocation;
    result = write(allocation, output);
    const Loss loss = measure(output);
    tell(output, loss, allocation);
    const double measured = by_kld ? loss.kld : loss.ppl;
    if (measured <= most && (!best || allocation.bytes < best->allocation.bytes)) {
      best = {allocation, measured};
    }
    if (measured <= most && measured >= kLeast * most) break;
    curve.push_back({allocation.loss, measured});
    expected = std::max(next_expected(curve, most), least);
  }
  result.kept = best.has_value();
  if (best && best->allocation.chosen != last.chosen) result = write(best->allocation, output);
  return result;
}

}  // namespace

void add_budget_options(Tool& tool, BudgetRequest& request) {
  CLI::App& app = tool.app();
  tool.size("--max-size", request.size,
            "The best file of at most SIZE bytes: a scheme for each matrix by what it loses", "");
  tool.number("--max-bits", request.bits, "The same by bits per weight of the matrices", 0.5, 16)
      ->type_name("BITS")
      ->default_str("");
  tool.number("--max-kld", request.kld,
              "The smallest file whose predictions stray no further from the model's: mean KL "
              "divergence, as measured",
              1e-6, 10)
      ->type_name("NATS")
      ->default_str("");
  app.add_option("--max-ppl", request.ppl, "The same by perplexity, as +1%")->type_name("+X%");
  app.add_option("--measure", request.text,
                 "The text that losses are measured on (default: one that comes along)")
      ->type_name("FILE");
  app.add_option("--plot", request.plot, "Draw size against expected KL divergence, as SVG")
      ->type_name("FILE");
}

void check_budget(const BudgetRequest& request) {
  const int bounds = (request.size > 0 ? 1 : 0) + (request.bits > 0.0 ? 1 : 0) +
                     (request.kld > 0.0 ? 1 : 0) + (request.ppl.empty() ? 0 : 1);
  if (bounds > 1) fail_usage("--max-size, --max-bits, --max-kld and --max-ppl exclude each other");
  if (!request.ppl.empty()) parse_percent(request.ppl);
  if (bounds == 0 && (!request.plot.empty() || !request.text.empty())) {
    fail_usage("--plot and --measure go with --max-size, --max-bits, --max-kld or --max-ppl");
  }
}

std::optional<BudgetResult> quantize_within(const Tool& tool, const BudgetRequest& request,
                                            const std::shared_ptr<const Checkpoint>& checkpoint,
                                            const QuantizeOptions& how, bool dry_run) {
  std::optional<OutputFile> plot;
  if (!request.plot.empty()) plot.emplace(request.plot, how.overwrite);
  Search search(tool, request, checkpoint, how);
  const std::vector<CurvePoint> curve = search.curve();
  if (plot && curve.size() > 1) {
    plot->write(curve_svg(curve, checkpoint->path()));
    plot->commit();
  }
  if (dry_run) {
    Output output("-", false);
    output.write(curve_table(curve));
    output.finish();
    return std::nullopt;
  }
  const std::string& output = tool.common().output;
  const bool bytes = request.size > 0 || request.bits > 0.0;
  return bytes ? search.within_bytes(output) : search.within_loss(output);
}

}  // namespace lathe::tool
