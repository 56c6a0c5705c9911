// A model of a known shape with random weights, in a scheme: for measuring speed with no model at
// hand.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lathe/checkpoint.h"
#include "lathe/host/temporary_folder.h"

#include "common/tool.h"

namespace lathe::tool {

// Quantizes into a file of `folder`, which is made in $TMPDIR (/tmp) and may go when the model is
// loaded: by then every process of an ensemble has opened it. `layers`: the first ones, 0: all.
// Throws kUsage for an unknown shape or scheme, kIo when there is no room.
std::shared_ptr<const Checkpoint> random_model(const Tool& tool, const std::string& shape,
                                               const std::string& scheme, std::int64_t layers,
                                               int threads, std::optional<TemporaryFolder>& folder);

}  // namespace lathe::tool
