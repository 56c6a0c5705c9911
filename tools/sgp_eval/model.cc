#include "sgp_eval/model.h"

#include <filesystem>

#include "common/fail.h"
#include "common/kv_type.h"
#include "common/left_out.h"
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
  if (!options.chat_template.empty() && options.chat_template != "none") {
    out.speaker.chat = ChatTemplate::by_name(options.chat_template);
  } else if (options.chat_template.empty()) {
    if (out.speaker.tokenizer->chat_template().empty()) {
      tool.warn(
          fmt::format("{}: the model has no chat template: prompts are plain text, to be continued",
                      lathe::quoted(options.path)));
    } else {
      try {
        out.speaker.chat = ChatTemplate::recognise(*out.speaker.tokenizer);
      } catch (const Error& error) {
        fail(error.code(), "{}; see --chat-template", error.message());
      }
    }
  }
  EngineOptions engine;
  engine.threads = options.threads;
  engine.kv_type = kv_type_by_name(options.kv_type).type;
  engine.max_batch = options.max_batch;
  engine.on_warning = [&tool](const std::string& text) { tool.warn(text); };
  LoadOptions load;
  load.threads = options.threads;
  out.engine =
      Engine::create(Model::load(out.checkpoint, nullptr, load), out.speaker.tokenizer, engine);
  return out;
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
