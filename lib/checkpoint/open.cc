#include "checkpoint/formats.h"
#include "checkpoint/tokenizer_file.h"

namespace lathe {

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::string& path,
                                                   const OpenOptions& options) {
  const ModelPath model(path);
  CheckpointParts parts = open_parts(format_of(model), model, options);
  if (!options.tokenizer_path.empty()) {
    parts.facts.tokenizer = load_tokenizer(options.tokenizer_path, parts.facts.config.vocab_size);
  }
  return make_checkpoint(std::move(parts));
}

}  // namespace lathe
