#include "lathe/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "lathe/checkpoint_parts.h"
#include "lathe/host/temporary_folder.h"
#include "lathe/perplexity.h"
#include "lathe/quantize.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr const char* kBase = "w8g32x";       // loses next to nothing
constexpr const char* kReference = "w4g32d";  // what a matrix alone is put in
// What a matrix is given at least: a loss too small to be measured is not none.
constexpr double kLeastLoss = 1e-9;

// A checkpoint with some of its tensors from another of the same model.
class MixedSource final : public TensorSource {
 public:
  MixedSource(std::shared_ptr<const Checkpoint> most, std::shared_ptr<const Checkpoint> some,
              std::set<std::size_t> taken)
      : most_(std::move(most)), some_(std::move(some)), taken_(std::move(taken)) {}

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    return of(tensor).bytes_in_place(tensor);
  }
  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    of(tensor).read_rows(tensor, first, count, out);
  }
  void drop(std::size_t tensor) const noexcept override { of(tensor).drop(tensor); }

 private:
  const Checkpoint& of(std::size_t tensor) const noexcept {
    return taken_.contains(tensor) ? *some_ : *most_;
  }

  std::shared_ptr<const Checkpoint> most_, some_;
  std::set<std::size_t> taken_;
};

std::shared_ptr<const Checkpoint> mixed(const std::shared_ptr<const Checkpoint>& most,
                                        const std::shared_ptr<const Checkpoint>& some,
                                        const std::set<std::size_t>& taken) {
  auto facts = std::make_shared<CheckpointFacts>(*most->facts());
  for (const std::size_t tensor : taken) facts->tensors[tensor] = some->tensors()[tensor];
  return std::make_shared<const Checkpoint>(std::move(facts),
                                            std::make_shared<MixedSource>(most, some, taken));
}

// Of a scheme, what the quantizer says of each matrix.
struct Trial {
  std::string scheme;
  std::map<std::string, std::pair<std::uint64_t, double>> tensors;  // bytes, decibels
  std::uint64_t file_bytes = 0;
};

Trial try_scheme(const Checkpoint& checkpoint, const std::string& scheme, const std::string& file,
                 const SensitivityOptions& options) {
  QuantizeOptions how;
  how.scheme = scheme;
  how.importance = options.importance;
  how.threads = options.threads;
  how.requantize = true;
  Trial trial{scheme, {}, 0};
  for (const QuantizedTensor& tensor : quantize(checkpoint, file, how).tensors) {
    if (tensor.sqnr) trial.tensors[tensor.name] = {tensor.bytes, *tensor.sqnr};
  }
  trial.file_bytes = std::filesystem::file_size(file);
  return trial;
}

class Measurement {
 public:
  Measurement(const std::shared_ptr<const Checkpoint>& checkpoint,
              const SensitivityOptions& options)
      : options_(options), folder_("lathe-sensitivity") {
    how_.context = options.context;
    how_.max_chunks = options.chunks;
    base_ = open(*checkpoint, kBase, base_trial_);
    reference_ = open(*checkpoint, kReference, reference_trial_);
    base_engine_ = engine(base_);
  }

  const std::shared_ptr<const Checkpoint>& base() const { return base_; }
  const Trial& reference() const { return reference_trial_; }

  double loss(const std::set<std::size_t>& tensors, std::span<const TokenId> tokens,
              std::optional<TokenId> bos) {
    const auto engine = this->engine(mixed(base_, reference_, tensors));
    const PerplexityReport report =
        measure_perplexity(*engine, base_engine_.get(), tokens, bos, how_);
    return std::max(kLeastLoss, report.divergence->kl->mean);
  }

  Trial trial(const Checkpoint& checkpoint, const std::string& scheme) {
    const std::string file = folder_.file("trial.lathe");
    Trial out = try_scheme(checkpoint, scheme, file, options_);
    std::filesystem::remove(file);
    return out;
  }

 private:
  std::shared_ptr<const Checkpoint> open(const Checkpoint& checkpoint, const char* scheme,
                                         Trial& trial) {
    const std::string file = folder_.file(std::string(scheme) + ".lathe");
    trial = try_scheme(checkpoint, scheme, file, options_);
    return Checkpoint::open(file);
  }

  std::unique_ptr<Engine> engine(std::shared_ptr<const Checkpoint> checkpoint) const {
    LoadOptions load;
    load.threads = options_.threads;
    EngineOptions how = perplexity_engine(how_);
    how.threads = options_.threads;
    return Engine::create(Model::load(std::move(checkpoint), nullptr, load), nullptr, how);
  }

  const SensitivityOptions& options_;
  TemporaryFolder folder_;
  PerplexityOptions how_;
  Trial base_trial_, reference_trial_;
  std::shared_ptr<const Checkpoint> base_, reference_;
  std::unique_ptr<Engine> base_engine_;
};

// Matrices that are measured together, by role and layer.
std::map<TensorId, std::set<std::size_t>> groups_of(const Checkpoint& checkpoint,
                                                    const Trial& trial) {
  std::map<TensorId, std::set<std::size_t>> out;
  for (std::size_t t = 0; t < checkpoint.tensors().size(); ++t) {
    const TensorInfo& info = checkpoint.tensors()[t];
    if (!trial.tensors.contains(info.name)) continue;
    TensorId id = info.id;
    id.expert = -1;
    out[id].insert(t);
  }
  return out;
}

}  // namespace

std::vector<std::string> candidate_schemes() {
  std::vector<std::string> out;
  for (const std::string& name : quantize_scheme_names()) {
    const bool two_levels = name.ends_with("g32d") || name.ends_with("g64d");
    if (two_levels || name == "w8g32") out.push_back(name);
  }
  return out;
}

Sensitivity measure_sensitivity(const std::shared_ptr<const Checkpoint>& checkpoint,
                                std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                const SensitivityOptions& options) {
  Measurement measurement(checkpoint, options);
  const Trial& reference = measurement.reference();
  if (reference.tensors.empty()) {
    fail_unsupported("{}: has no matrices to choose schemes for", quoted(checkpoint->path()));
  }
  std::vector<Trial> trials;
  for (const std::string& scheme : candidate_schemes()) {
    trials.push_back(measurement.trial(*checkpoint, scheme));
  }
  Sensitivity out;
  out.other_bytes = reference.file_bytes;
  for (const auto& [name, figures] : reference.tensors) out.other_bytes -= figures.first;
  const Checkpoint& base = *measurement.base();
  const auto groups = groups_of(base, reference);
  std::uint64_t done = 0;
  for (const auto& [id, tensors] : groups) {
    if (options.progress) {
      options.progress(done++, groups.size(), base.tensors()[*tensors.begin()].name);
    }
    const double loss =
        measurement.loss(tensors, tokens, bos) / static_cast<double>(tensors.size());
    MatrixChoices matrix;
    for (const std::size_t t : tensors) {
      const TensorInfo& info = base.tensors()[t];
      matrix.names.push_back(info.name);
      matrix.weights +=
          static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
    }
    for (const Trial& trial : trials) {
      SchemeChoice choice{trial.scheme, 0, 0.0};
      for (const std::string& name : matrix.names) {
        const auto found = trial.tensors.find(name);
        if (found == trial.tensors.end()) continue;
        const double decibels = reference.tensors.at(name).second - found->second.second;
        choice.bytes += found->second.first;
        choice.loss += loss * std::pow(10.0, decibels / 10.0);
      }
      if (choice.bytes > 0) matrix.choices.push_back(std::move(choice));
    }
    out.matrices.push_back(std::move(matrix));
  }
  if (options.progress) options.progress(groups.size(), groups.size(), "");
  return out;
}

}  // namespace lathe
