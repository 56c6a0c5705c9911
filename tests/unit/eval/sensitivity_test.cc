// What the allocation chooses, against trying everything.
#include "lathe/sensitivity.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>

#include "lathe/perplexity.h"
#include "lathe/quantize.h"

#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

const std::vector<std::string> kSchemes = {"w2nlg32d", "w3nlg32d", "w4nlg32d", "w6g32d"};

// Sentences of the kind that the model knows.
std::vector<TokenId> text_of(const Tokenizer& tokenizer) {
  std::string text;
  const char* who[] = {"A heron", "My aunt", "The baker", "A fisherman", "The old mare"};
  const char* did[] = {" painted", " carried", " counted", " forgot"};
  const char* what[] = {" seven apples", " a lantern", " three letters"};
  const char* where[] = {" under the stairs", " behind the mill", " by the river"};
  for (int i = 0; i < 60; ++i) {
    text +=
        std::string(who[i % 5]) + did[i % 4] + what[i % 3] + where[i / 2 % 3] + " in early March. ";
  }
  return tokenizer.encode(text);
}

// Matrices that get a scheme together: the embedding, the first layer, and of the second attention
// and the rest.
std::size_t class_of(const std::string& name) {
  if (name.find(".layers.") == std::string::npos) return 0;
  if (name.find(".layers.0.") != std::string::npos) return 1;
  return name.find("self_attn") != std::string::npos ? 2 : 3;
}
constexpr std::size_t kClasses = 4;

class SensitivityOnVillage : public testing::Test {
 protected:
  SensitivityOnVillage()
      : model_(Checkpoint::open(testdata("examples/village"))),
        tokens_(text_of(*make_tokenizer(*model_))),
        base_(*engine(model_), tokens_, std::nullopt, how()) {}

  static PerplexityOptions how() {
    PerplexityOptions out;
    out.context = 128;
    out.max_chunks = 4;
    return out;
  }
  static std::unique_ptr<Engine> engine(std::shared_ptr<const Checkpoint> checkpoint) {
    EngineOptions options = perplexity_engine(how());
    options.threads = 1;
    return Engine::create(Model::load(std::move(checkpoint)), nullptr, options);
  }

  double measure(const std::vector<std::size_t>& chosen) {
    QuantizeOptions options;
    options.scheme = "keep";
    options.overwrite = true;
    options.threads = 1;
    for (const TensorInfo& info : model_->tensors()) {
      if (info.shape.size() == 2) {
        options.rules.push_back({"^" + info.name + "$", kSchemes[chosen[class_of(info.name)]]});
      }
    }
    const std::string file = folder_.file("one.lathe");
    quantize(*model_, file, options);
    return base_.measure(*engine(Checkpoint::open(file))).divergence->kl->mean;
  }

  test::TempFolder folder_;
  std::shared_ptr<const Checkpoint> model_;
  std::vector<TokenId> tokens_;
  KeptPredictions base_;
};

// The choices of all matrices of a class, as one.
std::vector<MatrixChoices> classes_of(const Sensitivity& known) {
  std::vector<MatrixChoices> out(kClasses);
  for (MatrixChoices& one : out) {
    for (const std::string& scheme : kSchemes) one.choices.push_back({scheme, 0, 0.0});
  }
  for (const MatrixChoices& matrix : known.matrices) {
    for (const SchemeChoice& choice : matrix.choices) {
      const auto at = std::ranges::find(kSchemes, choice.scheme);
      if (at == kSchemes.end()) continue;
      SchemeChoice& sum = out[class_of(matrix.names.front())]
                              .choices[static_cast<std::size_t>(at - kSchemes.begin())];
      sum.bytes += choice.bytes;
      sum.loss += choice.loss;
    }
  }
  return out;
}

std::uint64_t bytes_of(const std::vector<MatrixChoices>& classes,
                       const std::vector<std::size_t>& chosen) {
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < kClasses; ++c) sum += classes[c].choices[chosen[c]].bytes;
  return sum;
}

TEST_F(SensitivityOnVillage, ChoosesNearlyWhatTryingAllChooses) {
  SensitivityOptions options;
  options.threads = 1;
  const Sensitivity known = measure_sensitivity(model_, tokens_, std::nullopt, options);
  const std::vector<MatrixChoices> classes = classes_of(known);
  struct Tried {
    std::uint64_t bytes;
    double loss;
  };
  std::vector<Tried> all;
  for (std::size_t i = 0; i < 256; ++i) {
    const std::vector<std::size_t> chosen = {i % 4, i / 4 % 4, i / 16 % 4, i / 64};
    all.push_back({bytes_of(classes, chosen), measure(chosen)});
  }
  const std::uint64_t least = std::ranges::min(all, {}, &Tried::bytes).bytes;
  const std::uint64_t most = std::ranges::max(all, {}, &Tried::bytes).bytes;
  for (const double share : {0.25, 0.4, 0.5, 0.6, 0.7, 0.8}) {
    const auto limit =
        least + static_cast<std::uint64_t>(share * static_cast<double>(most - least));
    const Allocation ours = allocate_bytes(classes, limit);
    const double loss = measure(ours.chosen);
    std::uint64_t best = ours.bytes;
    for (const Tried& one : all) {
      if (one.loss <= loss) best = std::min(best, one.bytes);
    }
    const auto whole = [&](std::uint64_t bytes) {
      return static_cast<double>(bytes + known.other_bytes);
    };
    EXPECT_LE(whole(ours.bytes), 1.03 * whole(best)) << share << ": KL " << loss;
  }
}

TEST_F(SensitivityOnVillage, KeptPredictionsGiveWhatBothModelsGiveTogether) {
  const double kept = measure({2, 2, 1, 2});
  const auto base = engine(model_);
  const auto ours = engine(Checkpoint::open(folder_.file("one.lathe")));
  const PerplexityReport report =
      measure_perplexity(*ours, base.get(), tokens_, std::nullopt, how());
  const PerplexityReport again = base_.measure(*ours);
  EXPECT_NEAR(kept / report.divergence->kl->mean, 1.0, 0.01);
  EXPECT_LE(kept, report.divergence->kl->mean);
  EXPECT_EQ(again.model.perplexity, report.model.perplexity);
  // A float model's bits depend on what is computed together.
  EXPECT_NEAR(again.divergence->base.perplexity, report.divergence->base.perplexity, 1e-4);
  EXPECT_EQ(again.divergence->same_top, report.divergence->same_top);
}

}  // namespace
}  // namespace lathe
