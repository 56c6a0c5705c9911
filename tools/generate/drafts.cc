#include "generate/drafts.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "common/text.h"

namespace lathe::tool {

std::shared_ptr<Speculator> make_speculator(const GenerateFlags& flags, const OpenedModel& opened) {
  // Bits of float models depend on what is computed beside them: only who asks gets that.
  const bool drafts =
      flags.lookup == "on" || (flags.lookup == "auto" && opened.model->batch_invariant());
  if (!drafts) return nullptr;
  SpeculationOptions options;
  if (!flags.lookup_corpus.empty()) {
    const EncodeOptions how{.add_special = false, .threads = 0};
    options.corpus.push_back(opened.tokenizer->encode(read_text(flags.lookup_corpus), how));
  }
  return std::make_shared<Speculator>(std::move(options));
}

nlohmann::ordered_json drafts_json(const SpeculationStats& stats) {
  return {{"passes", stats.passes}, {"drafted", stats.drafted}, {"accepted", stats.accepted}};
}

void tell_of_drafts(const Tool& tool, const Speculator* speculator) {
  if (tool.common().verbose == 0 || speculator == nullptr) return;
  const SpeculationStats stats = speculator->stats();
  if (stats.drafted == 0) return;
  tool.note(
      fmt::format("{} of {} copied tokens held: {:.2f} tokens for each reading of the weights",
                  stats.accepted, stats.drafted,
                  1.0 + static_cast<double>(stats.accepted) /
                            static_cast<double>(std::max<std::int64_t>(1, stats.passes))));
}

}  // namespace lathe::tool
