#include "lathe/tokenizer.h"

#include <algorithm>

#include "lathe/tokenizer_files.h"

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/parallel_encode.h"
#include "tokenizer/spm/tokenizer.h"

namespace lathe {

Tokenizer::~Tokenizer() = default;

const NamedTexts& Tokenizer::named_chat_templates() const noexcept {
  static const NamedTexts none;
  return none;
}

Tokenizer::Stream::~Stream() = default;

namespace {

// A text must not become ids that the model has no rows for. Control tokens may lie beyond them:
// some models are published with one for pictures that their text part does not know.
void check_rows(const Tokenizer& tokenizer, const TokenizerFiles& files) {
  if (files.rows < 0) return;
  for (std::int64_t id = files.rows; id < tokenizer.vocab_size(); ++id) {
    const auto token = static_cast<TokenId>(id);
    if (tokenizer.is_special(token)) continue;
    if (const std::string piece = tokenizer.piece(token); !piece.empty()) {
      fail_invalid("{}: the tokenizer has the token {} with the id {}, but the model {} rows",
                   quoted(files.origin), quoted(piece), id, files.rows);
    }
  }
}

std::shared_ptr<const Tokenizer> create_kind(const TokenizerFiles& files) {
  if (files.gguf) {
    if (files.gguf->tokens.empty()) {
      fail_invalid("{}: the vocabulary has no tokens", quoted(files.origin));
    }
    if (files.gguf->model == "llama") return create_spm_tokenizer(files);
    if (is_gguf_bpe(*files.gguf)) return create_bpe_tokenizer(files);
    fail_unsupported(
        "{}: the tokenizer model {} is not supported (\"llama\", \"gpt2\" and \"gemma4\" are)",
        quoted(files.origin), quoted(files.gguf->model));
  }
  // tokenizer.json first: it says more (added tokens, pre-tokenizers), and it is what Hugging
  // Face's own loader prefers.
  if (!files.tokenizer_json.empty()) return create_bpe_tokenizer(files);
  if (!files.sentencepiece_model.empty()) return create_spm_tokenizer(files);
  fail_invalid("{}: there is neither a tokenizer.json nor a tokenizer.model", quoted(files.origin));
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::create(const TokenizerFiles& files) {
  auto tokenizer = create_kind(files);
  check_rows(*tokenizer, files);
  return tokenizer;
}

const std::vector<std::string>& Tokenizer::warnings() const noexcept {
  static const std::vector<std::string> none;
  return none;
}

std::vector<std::vector<TokenId>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          const EncodeOptions& options) const {
  // Few threads per text, many texts at once; short ones share a task.
  constexpr std::size_t kGroup = 64;
  EncodeOptions one = options;
  one.threads = 1;
  std::vector<std::vector<TokenId>> out(texts.size());
  parallel_tasks((texts.size() + kGroup - 1) / kGroup, options.threads, [&](std::size_t task) {
    const std::size_t last = std::min(texts.size(), (task + 1) * kGroup);
    for (std::size_t i = task * kGroup; i < last; ++i) out[i] = encode(texts[i], one);
  });
  return out;
}

}  // namespace lathe
