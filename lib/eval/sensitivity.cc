#include "lathe/sensitivity.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "lathe/host/cpu_count.h"
#include "lathe/host/temporary_folder.h"
#include "lathe/model_config.h"
#include "lathe/quantize.h"

#include "base/escape.h"
#include "base/fail.h"
#include "eval/matrix_changes.h"
#include "eval/scheme_trials.h"
#include "parallel/thread_pool.h"

namespace lathe {
namespace {

constexpr const char* kReference = "w4nlg32d";  // what a matrix alone is put in
// What a matrix is given at least: a loss too small to be measured is not none.
constexpr double kLeastLoss = 1e-9;
constexpr std::int64_t kShortestText = 8;

QuantizeOptions quantize_options(const SensitivityOptions& options, const std::string& scheme) {
  QuantizeOptions how;
  how.scheme = scheme;
  how.importance = options.importance;
  how.threads = options.threads;
  how.requantize = true;
  return how;
}

// Multiplications that are well spent on each matrix.
constexpr double kWork = 2.5e10;

std::int64_t usual_chunks(const Checkpoint& checkpoint, std::int64_t length) {
  double weights = 0.0;
  for (const TensorInfo& info : checkpoint.tensors()) {
    weights += static_cast<double>(info.rows()) * static_cast<double>(info.cols());
  }
  const double able = kWork / (weights * static_cast<double>(length));
  return static_cast<std::int64_t>(std::clamp(able, 2.0, 4.0));
}

// Evenly spread over the text.
std::vector<std::vector<TokenId>> spread_chunks(std::span<const TokenId> tokens,
                                                std::optional<TokenId> bos,
                                                const Checkpoint& checkpoint,
                                                const SensitivityOptions& options) {
  const auto all = static_cast<std::int64_t>(tokens.size());
  const std::int64_t length = std::min({options.context, all, checkpoint.config().max_position});
  if (length < kShortestText) {
    fail_invalid("the text has {} tokens; to see what is lost takes {} at least", all,
                 kShortestText);
  }
  const std::int64_t wanted =
      options.chunks > 0 ? options.chunks : usual_chunks(checkpoint, length);
  const std::int64_t count = std::min(wanted, all / length);
  std::vector<std::vector<TokenId>> out;
  for (std::int64_t c = 0; c < count; ++c) {
    const auto begin = tokens.begin() + c * (all / count);
    out.emplace_back(begin, begin + length);
    if (bos) out.back()[0] = *bos;
  }
  return out;
}

// The model with all matrices in the reference scheme, in a file for as long as this lives.
class Reference {
 public:
  Reference(const Checkpoint& checkpoint, const SensitivityOptions& options)
      : folder_("lathe-sensitivity") {
    const std::string file = folder_.file("reference.lathe");
    plan_ = scheme_plan(quantize(checkpoint, file, quantize_options(options, kReference)));
    groups_ = matrix_groups(checkpoint, plan_);
    if (groups_.empty()) {
      fail_unsupported("{}: has no matrices to choose schemes for", quoted(checkpoint.path()));
    }
    other_bytes_ = std::filesystem::file_size(file);
    checkpoint_ = Checkpoint::open(file);
    for (std::size_t t = 0; t < checkpoint_->tensors().size(); ++t) {
      by_name_[checkpoint_->tensors()[t].name] = t;
    }
    for (const auto& [id, tensors] : groups_) {
      for (const std::size_t t : tensors)
        other_bytes_ -= plan_.at(checkpoint.tensors()[t].name).bytes;
    }
  }

  const SchemePlan& plan() const { return plan_; }
  const MatrixGroups& groups() const { return groups_; }
  std::uint64_t other_bytes() const { return other_bytes_; }
  const Checkpoint& checkpoint() const { return *checkpoint_; }
  std::size_t index_of(const std::string& name) const { return by_name_.at(name); }

 private:
  TemporaryFolder folder_;
  SchemePlan plan_;
  MatrixGroups groups_;
  std::uint64_t other_bytes_ = 0;
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::map<std::string, std::size_t> by_name_;
};

// Errors of weights and of inputs add up in a product.
double noise_of(const SchemeTrial& trial, const MatrixChanges& changes, const TensorId& id) {
  const bool wide = trial.scheme.wide_inputs;
  return trial.noise +
         (wide ? 0.0 : changes.input_noise(id.role, id.layer, inputs_per_span(trial.scheme)));
}

}  // namespace

std::vector<std::string> candidate_schemes() {
  std::vector<std::string> out;
  for (const std::string& name : quantize_scheme_names()) {
    const bool two_levels = name.ends_with("g32d") || name.ends_with("g64d");
    if (two_levels || name == "w8g32" || name == "w8g32dx" || name == "w8g16dx") {
      out.push_back(name);
    }
  }
  return out;
}

Sensitivity measure_sensitivity(const std::shared_ptr<const Checkpoint>& checkpoint,
                                std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                const SensitivityOptions& options) {
  const auto chunks = spread_chunks(tokens, bos, *checkpoint, options);
  const Reference reference(*checkpoint, options);
  MatrixChanges changes(checkpoint, chunks, options.threads);
  ThreadPool pool(options.threads > 0 ? options.threads : available_cpus());
  std::vector<std::pair<std::string, SchemePlan>> plans;
  for (const std::string& scheme : candidate_schemes()) {
    plans.emplace_back(scheme, scheme_plan(plan_quantization(*checkpoint, "plan.lathe",
                                                             quantize_options(options, scheme))));
  }
  Sensitivity out;
  out.other_bytes = reference.other_bytes();
  std::uint64_t done = 0;
  for (const auto& [id, tensors] : reference.groups()) {
    MatrixChoices matrix;
    std::vector<std::size_t> changed;
    for (const std::size_t t : tensors) {
      const TensorInfo& info = checkpoint->tensors()[t];
      matrix.names.push_back(info.name);
      matrix.weights +=
          static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
      changed.push_back(reference.index_of(info.name));
    }
    if (options.progress) {
      options.progress(done++, reference.groups().size(), matrix.names.front());
    }
    const double loss = std::max(kLeastLoss, changes.divergence(reference.checkpoint(), changed));
    const auto own = try_scheme(*checkpoint, reference.plan(), tensors, options.importance, pool);
    const double own_noise = std::max(kLeastLoss, noise_of(own.value(), changes, id));
    for (const auto& [scheme, plan] : plans) {
      const auto trial = try_scheme(*checkpoint, plan, tensors, options.importance, pool);
      if (!trial) continue;
      matrix.choices.push_back(
          {scheme, trial->bytes, loss * noise_of(*trial, changes, id) / own_noise});
    }
    out.matrices.push_back(std::move(matrix));
  }
  if (options.progress) options.progress(done, reference.groups().size(), "");
  return out;
}

}  // namespace lathe
