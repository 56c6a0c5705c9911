#include "generate/drafts.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lathe/model_config.h"

#include "common/draft_model.h"
#include "common/lookup.h"
#include "common/text.h"

namespace lathe::tool {

namespace {

// What a small model holds of that many texts at once is small beside what the model holds.
constexpr std::int64_t kMostTexts = 16;

void open_draft(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened,
                SpeculationOptions& options) {
  const auto checkpoint = open_draft_checkpoint(flags.draft, *opened.tokenizer);
  LoadOptions load = flags.load;
  load.threads = tool.common().threads_or_default();
  options.draft = Model::load(checkpoint, nullptr, load);
  // What its first token would wait for counts for no token.
  options.draft->fetch_weights([] { return false; });
  options.draft_threads = threads_for(*options.draft, tool.common());
  const std::int64_t texts = flags.batch() ? std::min(flags.max_batch, kMostTexts) : 1;
  options.draft_positions = texts * options.draft->config().max_position;
  options.draft_tokens =
      std::min(opened.tokenizer->vocab_size(), opened.model->config().vocab_size);
}

}  // namespace

std::shared_ptr<Speculator> make_speculator(const Tool& tool, const GenerateFlags& flags,
                                            const OpenedModel& opened) {
  const bool copies = wants_lookup(flags.lookup, *opened.model);
  if (!copies && flags.draft.empty()) return nullptr;
  SpeculationOptions options;
  options.copies = copies;
  if (!flags.draft.empty()) open_draft(tool, flags, opened, options);
  if (!flags.lookup_corpus.empty()) {
    const EncodeOptions how{.add_special = false, .threads = 0};
    options.corpus.push_back(opened.tokenizer->encode(read_text(flags.lookup_corpus), how));
  }
  return std::make_shared<Speculator>(std::move(options));
}

nlohmann::ordered_json drafts_json(const SpeculationStats& stats) {
  nlohmann::ordered_json out = {
      {"passes", stats.passes}, {"drafted", stats.drafted}, {"accepted", stats.accepted}};
  if (stats.model_drafted > 0) {
    out["model"] = {{"drafted", stats.model_drafted},
                    {"accepted", stats.model_accepted},
                    {"seconds", stats.model_seconds}};
  }
  return out;
}

void tell_of_drafts(const Tool& tool, const Speculator* speculator) {
  if (tool.common().verbose == 0 || speculator == nullptr) return;
  const SpeculationStats stats = speculator->stats();
  if (stats.drafted == 0) return;
  tool.note(
      fmt::format("{} of {} drafted tokens held: {:.2f} tokens for each reading of the weights",
                  stats.accepted, stats.drafted,
                  1.0 + static_cast<double>(stats.accepted) /
                            static_cast<double>(std::max<std::int64_t>(1, stats.passes))));
  if (stats.model_drafted == 0) return;
  tool.note(fmt::format("{} of {} tokens that --draft wrote in {:.3g} s held", stats.model_accepted,
                        stats.model_drafted, stats.model_seconds));
}

}  // namespace lathe::tool
