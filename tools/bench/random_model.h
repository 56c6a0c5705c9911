// A model of a known shape with random weights, in a scheme: for measuring speed with no model at
// hand.
#pragma once

#include <memory>
#include <string>

#include "lathe/checkpoint.h"

#include "common/tool.h"

namespace lathe::tool {

// Quantizes into a file in $TMPDIR (/tmp) that has no name any more when this returns; the
// checkpoint keeps it. `layers`: the first ones, 0: all. Throws kUsage for an unknown shape or
// scheme, kIo when there is no room.
std::shared_ptr<const Checkpoint> random_model(const Tool& tool, const std::string& shape,
                                               const std::string& scheme, std::int64_t layers,
                                               int threads);

}  // namespace lathe::tool
