// A model that is about to answer questions: checkpoint, tokenizer, chat template, engine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/engine.h"
#include "lathe/sgp/run.h"

#include "common/workers.h"

namespace lathe::tool {

struct SgpModelOptions {
  std::string path;
  std::string chat_template;  // a file or name, see ChatTemplate::find; "none"; "": own
  std::string kv_type = "f16";
  std::int64_t max_batch = 32;
  std::uint64_t kv_memory = 0;  // bytes; 0: kv_memory_for()
  int threads = 1;
  std::vector<std::string> lora = {};  // adapters, see common/lora.h
  std::int64_t context = 0;            // positions of a prompt and its answer; 0: the model's
  WorkerFlags workers = {};            // who answers in place of an engine here, where given
};

struct SgpModel {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::unique_ptr<RequestRunner> engine;
  std::string adapter;  // its fingerprint, or empty
  SgpSpeaker speaker;
};

// Says on stderr when the model has no chat template. Errors as Checkpoint::open, Model::load and
// ChatTemplate::of; kInvalid when it has no tokenizer.
SgpModel open_sgp_model(const Tool& tool, const SgpModelOptions& options);

// The default of --kv-memory of an engine with `options`, whose context is set: as many bytes as
// the weights have or 512 MB, whatever is more. But no more than can be of use, and half of what
// this process may still take at most. A run of questions needs no more: what they share follows
// closely, and a few dozen are under way at once.
std::uint64_t kv_memory_for(const std::shared_ptr<const Model>& model,
                            const EngineOptions& options);

// What the system-message rule looks at: the last part of the path and the names inside.
std::string sgp_model_names(const std::string& path, const Checkpoint* checkpoint);

}  // namespace lathe::tool
