#include "sgp_eval/model.h"

#include <algorithm>
#include <filesystem>

#include "common/context.h"
#include "common/fail.h"
#include "common/kv_type.h"
#include "common/left_out.h"
#include "common/lora.h"
#include "common/text.h"
#include "common/tool.h"

namespace lathe::tool {

SgpModel open_sgp_model(const Tool& tool, const SgpModelOptions& options) {
  SgpModel out;
  out.checkpoint = Checkpoint::open(options.path);
  note_left_out(tool, *out.checkpoint);
  if (!out.checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; convert it with --tokenizer FILE",
         lathe::quoted(options.path));
  }
  out.speaker.tokenizer = Tokenizer::create(*out.checkpoint->tokenizer_files());
  warn_of(tool, *out.speaker.tokenizer);
  if (!options.chat_template.empty() && options.chat_template != "none") {
    out.speaker.chat = ChatTemplate::find(options.chat_template, *out.speaker.tokenizer);
  } else if (options.chat_template.empty()) {
    if (out.speaker.tokenizer->chat_template().empty() &&
        out.speaker.tokenizer->named_chat_templates().empty()) {
      tool.warn(
          fmt::format("{}: the model has no chat template: prompts are plain text, to be continued",
                      lathe::quoted(options.path)));
    } else {
      try {
        out.speaker.chat = ChatTemplate::of(*out.speaker.tokenizer);
      } catch (const Error& error) {
        fail(error.code(), "{}; see --chat-template", error.message());
      }
    }
  }
  const auto adapter = open_lora(tool, options.lora, *out.checkpoint);
  if (adapter != nullptr) out.adapter = adapter->fingerprint();
  if (options.workers.given()) {
    const std::int64_t context =
        context_of(options.path, out.checkpoint->config(), options.context);
    out.engine =
        open_workers(tool, options.workers,
                     worker_identity(*out.checkpoint, out.adapter, options.kv_type, context));
    return out;
  }
  EngineOptions engine;
  engine.threads = options.threads;
  engine.kv_type = kv_type_by_name(options.kv_type).type;
  engine.max_batch = options.max_batch;
  engine.on_warning = [&tool](const std::string& text) { tool.warn(text); };
  LoadOptions load;
  load.threads = options.threads;
  load.ensemble = tool.ensemble();
  const auto model = Model::load(out.checkpoint, adapter, load);
  engine.context = context_of(options.path, *model, options.context);
  engine.kv_memory = options.kv_memory > 0 ? options.kv_memory : kv_memory_for(model, engine);
  out.engine = Engine::create(model, out.speaker.tokenizer, engine);
  return out;
}

std::uint64_t kv_memory_for(const std::shared_ptr<const Model>& model,
                            const EngineOptions& options) {
  constexpr std::uint64_t kEnough = 512'000'000;
  const KvLayout layout = kv_layout(*model, options.kv_type);
  // When each place is full, and as much again for what is kept.
  const std::int64_t pages = 2 * options.max_batch * (options.context / layout.page_tokens + 2);
  const std::uint64_t useful = static_cast<std::uint64_t>(pages) * layout.page_bytes;
  return std::min({std::max(kEnough, model->weight_bytes()), useful, default_kv_memory()});
}

std::string sgp_model_names(const std::string& path, const Checkpoint* checkpoint) {
  std::filesystem::path name(path);
  if (name.filename().empty()) name = name.parent_path();  // "folder/"
  std::string names = name.filename().string();
  if (checkpoint != nullptr) {
    names += ' ' + checkpoint->config().family + ' ' + checkpoint->config().name;
  }
  return names;
}

}  // namespace lathe::tool
