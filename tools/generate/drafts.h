// --lookup, --draft and what belongs to them.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "lathe/speculation.h"

#include "common/tool.h"
#include "generate/open_model.h"
#include "generate/options.h"

namespace lathe::tool {

// Null: nothing is drafted. Throws what opening a model does, and kInvalid for a draft with other
// tokens.
std::shared_ptr<Speculator> make_speculator(const Tool& tool, const GenerateFlags& flags,
                                            const OpenedModel& opened);

// The counts, as records and summaries have them.
nlohmann::ordered_json drafts_json(const SpeculationStats& stats);

// With -v: what drafts have given.
void tell_of_drafts(const Tool& tool, const Speculator* speculator);

}  // namespace lathe::tool
