// A tokenizer.json of byte-level BPE as a GGUF vocabulary.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/gguf_vocabulary.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/spm/model.h"
#include "tokenizer/tokenizer_config.h"
#include "tokenizer/tokenizer_json.h"

namespace lathe {
namespace {

// Of the regexes of gguf_pres(): those that end as every one does that leaves nothing out.
bool matches_everything(std::string_view regex) {
  return regex.find("[^\\s\\p{L}") != std::string_view::npos && regex.ends_with("|\\s+");
}

// A pipeline in words that are equal exactly when the pipelines cut alike.
std::string signature(const std::vector<PreTokenizerStep>& steps) {
  std::string out;
  for (const PreTokenizerStep& step : steps) {
    if (step.split) {
      // What matches everything may as well keep only what it matches.
      const bool keeps = step.split->behavior == SplitBehavior::kRemoved && step.split->invert &&
                         matches_everything(step.split->regex.pattern());
      const auto behavior = keeps ? SplitBehavior::kIsolated : step.split->behavior;
      out +=
          fmt::format("Split({}, {}{}) ", step.split->regex.pattern(), static_cast<int>(behavior),
                      step.split->invert && !keeps ? ", inverted" : "");
    } else if (step.metaspace) {
      out += "Metaspace ";
    } else {
      out += step.prefix_space ? "PrefixSpace " : "ByteLevel ";
    }
  }
  return out;
}

std::string signature(const GgufPre& pre) {
  PreTokenizer made;
  for (const std::string_view split : pre.splits) {
    made.add_split(split, SplitBehavior::kIsolated, false, "");
  }
  made.add_byte_map("");
  return signature(made.steps());
}

// The same cuts in the words of the models' own files, where those differ from ours.
const GgufPre* find_by_original(const std::vector<PreTokenizerStep>& steps) {
  PreTokenizer falcon;
  falcon.add_split("[!-/:-@\\[-`{-~\\p{P}]", SplitBehavior::kContiguous, false, "");
  falcon.add_split(PreTokenizer::gpt2_regex(), SplitBehavior::kIsolated, false, "");
  falcon.add_byte_map("");
  falcon.add_split("\\p{N}", SplitBehavior::kContiguous, false, "");
  falcon.add_split("[0-9][0-9][0-9]", SplitBehavior::kIsolated, false, "");
  if (signature(steps) == signature(falcon.steps())) return find_gguf_pre("falcon");

  const GgufPre* deepseek = find_gguf_pre("deepseek-llm");
  PreTokenizer digits;  // one digit at a time, which its merges make the same
  for (std::size_t i = 0; i + 1 < deepseek->splits.size(); ++i) {
    digits.add_split(deepseek->splits[i], SplitBehavior::kIsolated, false, "");
  }
  digits.add_split("\\p{N}", SplitBehavior::kIsolated, false, "");
  digits.add_byte_map("");
  return signature(steps) == signature(digits.steps()) ? deepseek : nullptr;
}

bool is_nfc(const std::optional<JsonView>& normalizer, const std::string& file) {
  if (!normalizer) return false;
  const std::string type = normalizer->at("type").as_string();
  if (type == "NFC") return true;
  if (type == "Sequence") {
    const auto parts = normalizer->at("normalizers").items();
    if (parts.empty()) return false;
    if (parts.size() == 1) return is_nfc(parts[0], file);
  }
  fail_unsupported("{}: GGUF has no place for the normalizer {}", quoted(file), quoted(type));
}

// Would BPE find every token that ignore_merges takes whole? Then it changes nothing.
bool finds_every_token(const BpeSpec& spec, const std::string& file) {
  BpeSpec plain = spec;
  plain.ignore_merges = false;
  const BpeModel model(std::move(plain), true, file);
  BpeModel::Scratch scratch;
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const auto raw = from_byte_level(spec.tokens[i]);
    if (!raw || raw->empty()) continue;
    ids.clear();
    model.encode(*raw, scratch, ids);
    if (ids.size() != 1) return false;
  }
  return true;
}

// `kept`: what the file itself says that it was, or null.
const GgufPre* recognise(const JsonView& root, const BpeSpec& spec, const GgufPre* kept,
                         const std::string& file) {
  PreTokenizer pre_tokenizer;
  if (const auto value = root.find("pre_tokenizer")) pre_tokenizer.add(*value, file);
  const bool nfc = is_nfc(root.find("normalizer"), file);
  const std::string seen = signature(pre_tokenizer.steps());
  const auto fits = [&](const GgufPre& pre) {
    return !pre.marks_spaces && pre.nfc == nfc && signature(pre) == seen;
  };
  const GgufPre* found = kept != nullptr && fits(*kept) ? kept : nullptr;
  for (const GgufPre& pre : gguf_pres()) {
    if (found == kept && found != nullptr) break;
    if (!fits(pre)) continue;
    if (found == nullptr ||
        (found->ignore_merges != spec.ignore_merges && pre.ignore_merges == spec.ignore_merges)) {
      found = &pre;
    }
  }
  if (found == nullptr && !nfc) found = find_by_original(pre_tokenizer.steps());
  if (found == nullptr) {
    fail_unsupported("{}: GGUF has no name for the pre-tokenizer {}{}", quoted(file), quoted(seen),
                     nfc ? " after NFC" : "");
  }
  if (found->ignore_merges != spec.ignore_merges && !finds_every_token(spec, file)) {
    fail_unsupported("{}: GGUF's pre-tokenizer {} means ignore_merges = {}", quoted(file),
                     found->name, found->ignore_merges);
  }
  return found;
}

// Merges as "left right"; a token with a space has no place there.
void put_merges(const BpeSpec& spec, const std::string& file, GgufVocabulary& out) {
  if (spec.merges.empty()) {
    fail_unsupported("{}: GGUF has no place for a vocabulary without merges", quoted(file));
  }
  for (const auto& [left, right] : spec.merges) {
    if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos) {
      fail_unsupported("{}: GGUF has no place for the merge of {} and {}", quoted(file),
                       quoted(left), quoted(right));
    }
    out.merges.push_back(fmt::format("{} {}", left, right));
  }
}

// What only GGUF says, as bpe_to_hugging_face() has kept it.
void put_kept(const TokenizerConfig& config, const GgufPre& pre, GgufVocabulary& out) {
  if (config.gguf_pre && find_gguf_pre(*config.gguf_pre) == &pre) out.pre = *config.gguf_pre;
  for (const auto& [id, type] : config.gguf_types) {
    if (static_cast<std::size_t>(id) < out.types.size()) {
      out.types[static_cast<std::size_t>(id)] = type;
    }
  }
  if (config.gguf_scores.size() == 1) {
    out.scores.assign(out.tokens.size(), config.gguf_scores[0]);
  } else if (config.gguf_scores.size() == out.tokens.size()) {
    out.scores = config.gguf_scores;
  }
}

}  // namespace

GgufVocabulary bpe_to_gguf(const TokenizerFiles& files) {
  const std::string file = file_path(files, "tokenizer.json");
  const TokenizerJson source = parse_tokenizer_json(files.tokenizer_json, file);
  const JsonView root(source.document, file, "tokenizer");
  const TokenizerConfig config = parse_tokenizer_config(files);
  const GgufPre* kept = config.gguf_pre ? find_gguf_pre(*config.gguf_pre) : nullptr;
  const bool marks_spaces = kept != nullptr && kept->marks_spaces;
  if (!marks_spaces) {
    if (auto llama = bpe_to_spm_gguf(files, source)) return *std::move(llama);
  }
  const BpeParts parts = bpe_parts_from_json(files);
  const GgufPre* pre = marks_spaces ? kept : recognise(root, source.model, kept, file);
  if (!marks_spaces && !parts.decoder.is_byte_level()) {
    fail_unsupported("{}: GGUF's \"gpt2\" has no decoder but ByteLevel", quoted(file));
  }
  GgufVocabulary out;
  out.model = pre->name == "gemma4" ? "gemma4" : "gpt2";
  out.pre = pre->name;
  put_tokens(source.model.tokens, parts, file, out);
  put_kept(config, *pre, out);
  put_merges(source.model, file, out);
  put_special(parts, config, file, out);
  return out;
}

}  // namespace lathe
