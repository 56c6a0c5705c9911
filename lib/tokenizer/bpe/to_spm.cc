// tokenizer.json of Llama's kind (BPE over characters with byte fallback, spaces as U+2581)
// as a GGUF "llama" vocabulary, whose merges are scores.
//
// sentencepiece joins any two neighbours that make a piece, the best score first; BPE joins
// by a list. The two agree when the list holds every way to make a token from two tokens, and
// all ways to make one token stand together in it; then a token's place in the list is its
// score. Vocabularies of this kind come from sentencepiece models and have this form.
//
// What GGUF cannot say: Metaspace adds no space before a text that begins with one; readers of
// GGUF add it always.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/spm/model.h"
#include "tokenizer/tokenizer_config.h"
#include "tokenizer/tokenizer_json.h"

namespace lathe {
namespace {

constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

bool is_space_to_mark(const JsonView& normalizer) {
  const auto pattern = normalizer.find("pattern");
  return normalizer.at("type").as_string() == "Replace" && pattern &&
         pattern->get_string("String") == " " &&
         normalizer.get_string("content") == std::string(kSpaceMark);
}

// Whether a text gets a space in front; nothing when spaces are not handled in Llama's way.
std::optional<bool> space_prefix(const JsonView& root) {
  const auto normalizer = root.find("normalizer");
  const auto pre = root.find("pre_tokenizer");
  if (pre) {
    if (normalizer || pre->at("type").as_string() != "Metaspace") return std::nullopt;
    if (pre->get_string("replacement").value_or(std::string(kSpaceMark)) != kSpaceMark) {
      return std::nullopt;
    }
    if (const auto scheme = pre->get_string("prepend_scheme")) return *scheme != "never";
    return pre->get_bool("add_prefix_space").value_or(true);
  }
  if (!normalizer) return std::nullopt;
  if (is_space_to_mark(*normalizer)) return false;
  if (normalizer->at("type").as_string() != "Sequence") return std::nullopt;
  const auto parts = normalizer->at("normalizers").items();
  if (parts.size() == 1 && is_space_to_mark(parts[0])) return false;
  if (parts.size() == 2 && parts[0].at("type").as_string() == "Prepend" &&
      parts[0].get_string("prepend") == std::string(kSpaceMark) && is_space_to_mark(parts[1])) {
    return true;
  }
  return std::nullopt;
}

// Each token's place in the list of merges; throws when the list is not sentencepiece's.
std::vector<std::uint32_t> ranks_of(const BpeSpec& spec, const std::string& file) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) ids.emplace(spec.tokens[i], i);
  std::vector<std::uint32_t> ranks(spec.tokens.size(), kNoRank);
  std::unordered_set<std::string> pairs;
  std::size_t previous = spec.tokens.size();
  std::string joined;
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    joined = left;
    joined += right;
    const auto at = ids.find(joined);
    if (at == ids.end()) fail_invalid("{}: merge {} makes no token", quoted(file), rank);
    if (at->second != previous && ranks[at->second] != kNoRank) {
      fail_unsupported("{}: GGUF has no place for merges of {} that do not stand together",
                       quoted(file), quoted(joined));
    }
    if (at->second != previous) ranks[at->second] = static_cast<std::uint32_t>(rank);
    previous = at->second;
    pairs.insert(fmt::format("{}\n{}", left.size(), joined));
  }
  for (const std::string& token : spec.tokens) {
    if (byte_piece_value(token) >= 0) continue;
    for (std::size_t at = 1; at < token.size(); ++at) {
      if ((static_cast<unsigned char>(token[at]) & 0xc0) == 0x80) continue;
      const std::string_view left = std::string_view(token).substr(0, at);
      const std::string_view right = std::string_view(token).substr(at);
      if (ids.contains(left) && ids.contains(right) &&
          !pairs.contains(fmt::format("{}\n{}", left.size(), token))) {
        fail_unsupported("{}: GGUF would join {} and {}, which the merges do not", quoted(file),
                         quoted(left), quoted(right));
      }
    }
  }
  return ranks;
}

}  // namespace

std::optional<GgufVocabulary> bpe_to_spm_gguf(const TokenizerFiles& files,
                                              const TokenizerJson& source) {
  const std::string file = file_path(files, "tokenizer.json");
  const auto prefix = space_prefix(JsonView(source.document, file, "tokenizer"));
  if (!prefix || !source.model.byte_fallback || source.model.ignore_merges) return std::nullopt;
  const BpeParts parts = bpe_parts_from_json(files);
  const TokenizerConfig config = parse_tokenizer_config(files);

  GgufVocabulary out;
  out.model = "llama";
  out.pre = "default";
  out.tokens = source.model.tokens;
  // Added tokens are never merged into, so they are left out of the check.
  BpeSpec plain = source.model;
  for (const AddedToken& token : source.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id < plain.tokens.size()) plain.tokens[id].clear();
  }
  const std::vector<std::uint32_t> ranks = ranks_of(plain, file);
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    const bool merged = ranks[i] != kNoRank;
    const std::size_t place = merged ? ranks[i] : source.model.merges.size() + i;
    out.scores.push_back(-static_cast<float>(place));
    out.types.push_back(byte_piece_value(out.tokens[i]) >= 0 ? 6 : 1);
  }
  for (const AddedToken& token : source.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= out.tokens.size()) {
      out.tokens.resize(id + 1);
      out.scores.resize(id + 1, 0.0f);
      out.types.resize(id + 1, 1);
    }
    out.tokens[id] = token.text;
    out.types[id] = token.special || looks_like_control(token.text) ? 3 : 4;
  }
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    if (!out.tokens[i].empty()) continue;
    out.tokens[i] = fmt::format("[PAD{}]", i);
    out.types[i] = 5;
  }
  const auto id = [&](const std::optional<std::string>& text) -> std::int64_t {
    const auto at =
        text ? std::find(out.tokens.begin(), out.tokens.end(), *text) : out.tokens.end();
    return at == out.tokens.end() ? -1 : at - out.tokens.begin();
  };
  out.unknown = source.model.unknown ? *source.model.unknown : id(config.unknown);
  if (out.unknown >= 0) out.types[static_cast<std::size_t>(out.unknown)] = 2;
  out.bos = parts.bos ? *parts.bos : id("<s>");
  out.eos = parts.eos ? *parts.eos : id("</s>");
  out.pad = id(config.pad);
  const auto only = [&](const std::vector<TokenId>& ids, std::int64_t token) {
    if (ids.empty()) return false;
    if (ids.size() == 1 && ids[0] == token) return true;
    fail_unsupported("{}: GGUF has no place for what the post-processor adds besides BOS and EOS",
                     quoted(file));
  };
  out.add_bos = only(parts.prefix, out.bos);
  out.add_eos = only(parts.suffix, out.eos);
  out.add_space_prefix = *prefix;
  out.chat_template = parts.chat_template;
  return out;
}

}  // namespace lathe
