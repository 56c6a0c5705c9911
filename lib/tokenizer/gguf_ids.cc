#include "tokenizer/gguf_ids.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/gguf_pre.h"

namespace lathe {
namespace {

constexpr std::array<std::string_view, 22> kTurnEnds{
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<eos>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "[e~[",
    "<\xef\xbd\x9c"
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"};

// Gemma 4's vocabulary has the tag of crossed-out text, which ends nothing.
constexpr std::string_view kGemma4Mark = "<|tool_response>";

}  // namespace

GgufIds gguf_ids(const GgufVocabulary& gguf, const std::string& file) {
  const auto tokens = static_cast<std::int64_t>(gguf.tokens.size());
  const auto resolve = [&](std::int64_t id, std::string_view key,
                           std::int64_t otherwise) -> std::optional<TokenId> {
    if (id == -1 && otherwise < tokens && !gguf.no_default_ids) id = otherwise;
    if (id == -1) return std::nullopt;
    if (id < 0 || id >= tokens) {
      fail_invalid("{}: {} is {}, outside the vocabulary of {}", quoted(file), key, id, tokens);
    }
    return static_cast<TokenId>(id);
  };
  const bool llama = gguf.model == "llama";
  const GgufPre* pre = gguf.model == "gpt2" ? find_gguf_pre(gguf.pre) : nullptr;
  const std::int64_t gpt2 = gguf.model == "gpt2" ? 11 : -1;
  GgufIds ids;
  ids.bos = resolve(gguf.bos, "bos_token_id",
                    llama                                ? 1
                    : pre != nullptr && pre->without_bos ? -1
                                                         : gpt2);
  ids.eos = resolve(gguf.eos, "eos_token_id", llama ? 2 : gpt2);
  ids.unknown = resolve(gguf.unknown, "unknown_token_id", llama ? 0 : -1);
  ids.pad = resolve(gguf.pad, "padding_token_id", -1);
  ids.eot = resolve(gguf.eot, "eot_token_id", -1);
  return ids;
}

NamedTexts gguf_named_tokens(const GgufVocabulary& gguf) {
  NamedTexts out;
  const auto add = [&](const char* key, std::int64_t id) {
    if (id >= 0) out.emplace_back(key, gguf.tokens[static_cast<std::size_t>(id)]);
  };
  add("unk_token", gguf.unknown);
  add("pad_token", gguf.pad);
  return out;
}

std::vector<PieceType> gguf_types(const GgufVocabulary& gguf, const std::string& file) {
  const std::size_t n = gguf.tokens.size();
  if (!gguf.types.empty() && gguf.types.size() != n) {
    fail_invalid("{}: {} tokens but {} token types", quoted(file), n, gguf.types.size());
  }
  std::vector<PieceType> types(n, PieceType::kNormal);
  bool gemma4 = false;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t type = gguf.types.empty() ? 1 : gguf.types[i];
    if (type < 0 || type > 6) {
      fail_invalid("{}: token {} has the unknown type {}", quoted(file), i, type);
    }
    types[i] = type == 0 ? PieceType::kUnused : static_cast<PieceType>(type);
    gemma4 |= gguf.tokens[i] == kGemma4Mark;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::string& text = gguf.tokens[i];
    if (types[i] != PieceType::kNormal || text.size() < 4 ||
        std::string_view("<[_").find(text.front()) == std::string_view::npos ||
        (gemma4 && text == "</s>")) {
      continue;
    }
    if (std::ranges::find(kTurnEnds, text) != kTurnEnds.end()) {
      types[i] = PieceType::kControl;
    }
  }
  return types;
}

}  // namespace lathe
