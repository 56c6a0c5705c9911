// What --model and the options about memory and threads come to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lathe/lathe.h"

#include "common/tool.h"
#include "generate/options.h"

namespace lathe::tool {

struct OpenedModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string adapter;  // of a batch with --lora: its fingerprint
};

// Without the weights: what is needed to ask workers.
OpenedModel open_generate_tokenizer(const Tool& tool, const GenerateFlags& flags);
OpenedModel open_generate_model(const Tool& tool, const GenerateFlags& flags);

// How many threads a step over this model is worth.
int threads_for(const Model& model, const CommonValues& common);
// Throws kLimit when --ctx is more than the model has.
EngineOptions engine_options(const Tool& tool, const Model& model, const GenerateFlags& flags);

}  // namespace lathe::tool
