// A checkpoint whose weights were read into memory: what another program does to the file, or
// the kernel to its pages, no longer matters.
//
// Copied are the tensors that would be used in place in the file; the others are asked of the
// checkpoint behind, as everything else is. In an ensemble only what `share` says
// of matrices. Errors: kIo, kLimit. Immutable.
#pragma once

#include <memory>

#include "lathe/checkpoint_parts.h"

#include "model/split.h"

namespace lathe {

std::shared_ptr<const Checkpoint> copy_to_memory(std::shared_ptr<const Checkpoint> checkpoint,
                                                 const Share& share = {});

}  // namespace lathe
