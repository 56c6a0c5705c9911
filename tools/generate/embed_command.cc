#include "generate/embed_command.h"

#include <CLI/App.hpp>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "common/context.h"
#include "common/given.h"
#include "common/kv_type.h"
#include "common/output.h"

namespace lathe::tool {

void check_embed_options(const GenerateFlags& o) {
  if (!o.embed) {
    if (const CLI::Option* option = first_given(o.embed_only)) {
      fail_usage("{} is for vectors: add --embed", option->get_name());
    }
    return;
  }
  if (const CLI::Option* option = first_given(o.answers_only)) {
    fail_usage("--embed makes vectors of texts and no answers: leave {} out", option->get_name());
  }
}

EmbeddingRules embedding_rules_for(const GenerateFlags& flags, const Checkpoint& checkpoint) {
  if (!flags.pooling.empty()) return {.pooling = *pooling_by_name(flags.pooling)};
  return embedding_rules(checkpoint).value_or(EmbeddingRules());
}

std::unique_ptr<Embedder> open_embedder(const Tool& tool, const GenerateFlags& flags,
                                        const OpenedModel& opened) {
  EmbedderOptions how;
  how.threads = threads_for(*opened.model, tool.common());
  how.kv_type = kv_type_by_name(flags.kv_type).type;
  how.context = context_of(tool.common().model, *opened.model, flags.context);
  how.dimensions = flags.dimensions;
  return Embedder::create(opened.model, embedding_rules_for(flags, *opened.checkpoint), how);
}

int run_embed(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened,
              const std::string& text) {
  const auto embedder = open_embedder(tool, flags, opened);
  EncodeOptions how;
  how.parse_special = flags.special;
  const std::vector<TokenId> ids = opened.tokenizer->encode(text, how);
  const auto vectors = embedder->embed({&ids, 1});
  Output output(tool.common().output, tool.common().force);
  if (tool.common().json()) {
    output.write(
        fmt::format("{{\"schema\":\"lathe.embedding/1\",\"embedding\":{},"
                    "\"prompt_tokens\":{}}}\n",
                    vector_json(vectors[0]), ids.size()));
  } else {
    output.write(vector_json(vectors[0]) + "\n");
  }
  output.finish();
  return 0;
}

}  // namespace lathe::tool
