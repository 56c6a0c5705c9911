// tokenizer.json of Llama's kind (BPE over characters with byte fallback, spaces as U+2581)
// as a GGUF "llama" vocabulary, whose merges are scores.
//
// sentencepiece joins any two neighbours that make a piece, the best score first; BPE joins
// by a list. The two agree when the list holds every way to make a token from two tokens, and
// all ways to make one token stand together in it; then a token's place in the list is its
// score. Vocabularies of this kind come from sentencepiece models and have this form.
//
// Metaspace adds no space before a text that begins with one, and may add none behind control
// tokens; readers of GGUF add it always. A key of our own says so (GgufVocabulary::space_prefix).
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/bpe/gguf_vocabulary.h"
#include "tokenizer/bpe/space_marks.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/spm/model.h"
#include "tokenizer/tokenizer_config.h"
#include "tokenizer/tokenizer_json.h"

namespace lathe {
namespace {

constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

// How a text gets a space in front, in GGUF's words.
struct SpacePrefix {
  bool add = false;
  std::string where;         // GgufVocabulary::space_prefix
  bool words_apart = false;  // no token reaches over a space
};

SpacePrefix metaspace_prefix(const JsonView& pre) {
  SpacePrefix out;
  out.words_apart = pre.get_bool("split").value_or(true);
  const std::string scheme =
      pre.get_string("prepend_scheme")
          .value_or(pre.get_bool("add_prefix_space").value_or(true) ? "always" : "never");
  out.add = scheme != "never";
  if (out.add) out.where = scheme == "first" ? "first missing" : "missing";
  return out;
}

// Nothing when spaces are not handled in Llama's way.
std::optional<SpacePrefix> space_prefix(const JsonView& root) {
  const auto normalizer = root.find("normalizer");
  const auto pre = root.find("pre_tokenizer");
  if (pre && !(normalizer && cuts_at_spaces(*pre))) {
    if (normalizer || pre->at("type").as_string() != "Metaspace") return std::nullopt;
    if (pre->get_string("replacement").value_or(std::string(kSpaceMark)) != kSpaceMark) {
      return std::nullopt;
    }
    return metaspace_prefix(*pre);
  }
  if (!normalizer) return std::nullopt;
  if (is_space_to_mark(*normalizer)) return SpacePrefix();
  if (normalizer->at("type").as_string() != "Sequence") return std::nullopt;
  const auto parts = normalizer->at("normalizers").items();
  if (parts.size() == 1 && is_space_to_mark(parts[0])) return SpacePrefix();
  if (parts.size() == 2 && parts[0].at("type").as_string() == "Prepend" &&
      parts[0].get_string("prepend") == std::string(kSpaceMark) && is_space_to_mark(parts[1])) {
    return SpacePrefix{true, "", false};
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

// Cut at spaces, no word reaches over one; GGUF's readers would make such a token.
void refuse_spaces_inside(const BpeSpec& spec, const std::string& file) {
  for (const std::string& token : spec.tokens) {
    if (token.size() > kSpaceMark.size() && token.find(kSpaceMark, 1) != std::string::npos) {
      fail_unsupported("{}: GGUF would make the token {}, which the cut at spaces keeps apart",
                       quoted(file), quoted(token));
    }
  }
}

// Added tokens are never merged into, so they are no tokens here.
BpeSpec without_added(const BpeSpec& spec, const std::vector<AddedToken>& added) {
  BpeSpec plain = spec;
  for (const AddedToken& token : added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id < plain.tokens.size()) plain.tokens[id].clear();
  }
  return plain;
}

}  // namespace

std::optional<GgufVocabulary> bpe_to_spm_gguf(const TokenizerFiles& files,
                                              const TokenizerJson& source) {
  const std::string file = file_path(files, "tokenizer.json");
  const auto prefix = space_prefix(JsonView(source.document, file, "tokenizer"));
  if (!prefix || !source.model.byte_fallback || source.model.ignore_merges) return std::nullopt;
  const BpeParts parts = bpe_parts_from_json(files);
  const TokenizerConfig config = parse_tokenizer_config(files);
  const BpeSpec plain = without_added(source.model, parts.added);
  if (prefix->words_apart) refuse_spaces_inside(plain, file);
  const std::vector<std::uint32_t> ranks = ranks_of(plain, file);

  GgufVocabulary out;
  out.model = "llama";
  out.pre = "default";
  put_tokens(source.model.tokens, parts, file, out);
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    const bool merged = i < ranks.size() && ranks[i] != kNoRank;
    const std::size_t place = merged ? ranks[i] : source.model.merges.size() + i;
    out.scores.push_back(-static_cast<float>(place));
    if (out.types[i] == 1 && byte_piece_value(out.tokens[i]) >= 0) out.types[i] = 6;
  }
  put_special(parts, config, file, out);
  if (source.model.unknown) out.unknown = *source.model.unknown;
  if (out.unknown >= 0) out.types[static_cast<std::size_t>(out.unknown)] = 2;
  const auto own = [&](std::int64_t& id, std::string_view text) {
    const auto at = std::ranges::find(out.tokens, text);
    if (id < 0 && at != out.tokens.end()) id = at - out.tokens.begin();
  };
  own(out.bos, "<s>");
  own(out.eos, "</s>");
  out.no_default_ids = out.bos < 0 || out.eos < 0 || out.unknown < 0;
  out.add_space_prefix = prefix->add;
  out.space_prefix = prefix->where;
  return out;
}

}  // namespace lathe
