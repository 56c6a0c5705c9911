#include "generate/open_model.h"

#include <chrono>
#include <future>

#include "common/context.h"
#include "common/kv_type.h"
#include "common/lora.h"

namespace lathe::tool {

namespace {

std::shared_ptr<const Checkpoint> open_checkpoint(const Tool& tool, const GenerateFlags& flags) {
  const std::string& path = tool.common().model;
  OpenOptions open;
  open.tokenizer_path = flags.tokenizer;
  std::shared_ptr<const Checkpoint> out = Checkpoint::open(path, open);
  if (!out->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; give one with --tokenizer FILE",
         lathe::quoted(path));
  }
  return out;
}

}  // namespace

OpenedModel open_generate_tokenizer(const Tool& tool, const GenerateFlags& flags) {
  OpenedModel out;
  out.checkpoint = open_checkpoint(tool, flags);
  const auto adapter = open_lora(tool, flags.lora, *out.checkpoint);
  if (adapter) out.adapter = adapter->fingerprint();
  out.tokenizer = Tokenizer::create(*out.checkpoint->tokenizer_files());
  return out;
}

OpenedModel open_generate_model(const Tool& tool, const GenerateFlags& flags) {
  const CommonValues& common = tool.common();
  OpenedModel out;
  out.checkpoint = open_checkpoint(tool, flags);
  // Reading a vocabulary takes tens of milliseconds, as much as a small model's weights.
  auto vocabulary = std::async(
      std::launch::async, [&] { return Tokenizer::create(*out.checkpoint->tokenizer_files()); });
  const auto adapter = open_lora(tool, flags.lora, *out.checkpoint);
  if (adapter && flags.batch()) out.adapter = adapter->fingerprint();
  LoadOptions load = flags.load;
  load.threads = common.threads_or_default();
  load.ensemble = tool.ensemble();
  out.model = Model::load(out.checkpoint, adapter, load);
  out.model->fetch_weights(
      [&] { return vocabulary.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  out.tokenizer = vocabulary.get();
  return out;
}

int threads_for(const Model& model, const CommonValues& common) {
  // A step over so few weights takes less time than waking a second thread for it.
  constexpr std::uint64_t kSmall = std::uint64_t{4} << 20;
  if (common.threads == 0 && model.weight_bytes() < kSmall) return 1;
  return common.threads_or_default();
}

EngineOptions engine_options(const Tool& tool, const Model& model, const GenerateFlags& flags) {
  const CommonValues& common = tool.common();
  EngineOptions out;
  out.threads = threads_for(model, common);
  out.kv_type = kv_type_by_name(flags.kv_type).type;
  out.kv_memory = flags.kv_memory;
  out.context = context_of(common.model, model, flags.context);
  out.max_batch = flags.max_batch;
  out.prefill_chunk = flags.prefill_chunk;
  out.spill_file = flags.kv_spill;
  out.cache_dir = flags.cache_dir;
  out.cache_size = flags.cache_size;
  out.on_warning = [&tool](const std::string& text) { tool.warn(text); };
  return out;
}

}  // namespace lathe::tool
