// A GGUF file's vocabulary.
#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "checkpoint/config_gguf.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/tokens_gguf.h"
#include "tokenizer/gguf_padding.h"

namespace lathe {
namespace {

void check_lengths(const GgufReader& gguf, const GgufVocabulary& v) {
  const auto check = [&](std::string_view key, std::size_t count) {
    if (count != 0 && count != v.tokens.size()) {
      fail_invalid("{}: {} has {} elements for {} tokens", quoted(gguf.path()), key, count,
                   v.tokens.size());
    }
  };
  check(gguf_keys::kScores, v.scores.size());
  check(gguf_keys::kTokenTypes, v.types.size());
}

// Tokens and merges become JSON in other formats, which holds text only.
void check_text(const GgufReader& gguf, std::string_view key, const std::vector<std::string>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!is_valid_utf8(all[i])) {
      fail_invalid("{}: element {} of {} is not valid UTF-8: {}", quoted(gguf.path()), i, key,
                   quoted(all[i]));
    }
  }
}

// Further templates: a list of names, and a key for each of them.
void read_named_templates(const GgufReader& gguf, GgufVocabulary& v) {
  const auto names = gguf.get_strings(gguf_keys::kChatTemplateNames);
  if (!names) return;
  for (const std::string_view name : *names) {
    const std::string key = fmt::format("{}.{}", gguf_keys::kChatTemplate, name);
    const auto text = gguf.get_string(key);
    if (!text) {
      fail_invalid("{}: {} names {}, but {} is missing", quoted(gguf.path()),
                   gguf_keys::kChatTemplateNames, quoted(name), quoted(key));
    }
    check_text(gguf, key, {std::string(name), std::string(*text)});
    v.named_chat_templates.emplace_back(std::string(name), *text);
  }
}

}  // namespace

std::optional<GgufVocabulary> vocabulary_from_gguf(const GgufReader& gguf) {
  const auto model = gguf.get_string(gguf_keys::kTokenizerModel);
  if (!model || *model == "none" || *model == "no_vocab") return std::nullopt;
  GgufVocabulary v;
  v.model = *model;
  v.pre = gguf.get_string(gguf_keys::kTokenizerPre).value_or("");
  const auto tokens = gguf.get_strings(gguf_keys::kTokens);
  if (!tokens) fail_invalid("{}: {} is missing", quoted(gguf.path()), gguf_keys::kTokens);
  v.tokens.assign(tokens->begin(), tokens->end());
  if (auto scores = gguf.get_floats(gguf_keys::kScores)) v.scores = *std::move(scores);
  if (const auto types = gguf.get_ints(gguf_keys::kTokenTypes)) {
    for (const std::int64_t type : *types) {
      if (type < 0 || type > 6) {
        fail_invalid("{}: {} holds {}", quoted(gguf.path()), gguf_keys::kTokenTypes, type);
      }
      v.types.push_back(static_cast<std::int32_t>(type));
    }
  }
  if (const auto merges = gguf.get_strings(gguf_keys::kMerges)) {
    v.merges.assign(merges->begin(), merges->end());
  }
  check_lengths(gguf, v);
  check_text(gguf, gguf_keys::kTokens, v.tokens);
  check_text(gguf, gguf_keys::kMerges, v.merges);
  const auto count = static_cast<std::int64_t>(v.tokens.size());
  v.bos = read_token_id(gguf, gguf_keys::kBos, count);
  v.eos = read_token_id(gguf, gguf_keys::kEos, count);
  v.unknown = read_token_id(gguf, gguf_keys::kUnknown, count);
  v.pad = read_token_id(gguf, gguf_keys::kPadding, count);
  v.eot = read_token_id(gguf, gguf_keys::kEot, count);
  v.add_bos = gguf.get_bool(gguf_keys::kAddBos);
  v.add_eos = gguf.get_bool(gguf_keys::kAddEos);
  v.add_space_prefix = gguf.get_bool(gguf_keys::kAddSpacePrefix);
  v.no_default_ids = gguf.get_bool(gguf_keys::kNoDefaultIds).value_or(false);
  v.space_prefix = gguf.get_string(gguf_keys::kSpacePrefix).value_or("");
  v.chat_template = gguf.get_string(gguf_keys::kChatTemplate).value_or("");
  check_text(gguf, gguf_keys::kChatTemplate, {v.chat_template});
  read_named_templates(gguf, v);
  drop_padding(v);
  return v;
}

}  // namespace lathe
