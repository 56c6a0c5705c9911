// generate --embed: vectors of texts in place of answers.
#pragma once

#include <memory>
#include <string>

#include "lathe/embedding.h"

#include "common/tool.h"
#include "generate/open_model.h"
#include "generate/options.h"

namespace lathe::tool {

// Options that mean nothing for vectors, and those that mean nothing without --embed. Throws
// kUsage.
void check_embed_options(const GenerateFlags& flags);

// As --pooling says, or else the model's files, or else the mean. Throws kUnsupported.
EmbeddingRules embedding_rules_for(const GenerateFlags& flags, const Checkpoint& checkpoint);

// Throws as embedding_rules_for().
std::unique_ptr<Embedder> open_embedder(const Tool& tool, const GenerateFlags& flags,
                                        const OpenedModel& opened);

// Prints the vector of one text.
int run_embed(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened,
              const std::string& text);

}  // namespace lathe::tool
