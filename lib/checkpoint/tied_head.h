// Whether the embedding is the output matrix too. A configuration says so, but what a checkpoint
// holds counts, as for transformers 5: many were fine-tuned or merged with one of both changed, and
// the flag was forgotten.
//
//   says tied, holds both, which differ      two matrices
//   says tied, holds both with equal bytes   one, and the output's copy is left out
//   says tied, holds the output's only       one, under the embedding's name
//
// A configuration that says they are two is taken at its word.
#pragma once

#include <vector>

#include "lathe/model_config.h"

#include "checkpoint/stored_checkpoint.h"

namespace lathe {

// `found` names tensors as Hugging Face's files do. Reads the two matrices where both are there.
void settle_tied_head(ModelConfig& config, const TensorFile& file, std::vector<FoundTensor>& found);

}  // namespace lathe
