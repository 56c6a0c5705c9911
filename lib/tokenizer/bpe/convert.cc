// Byte-level BPE between GGUF's "gpt2" vocabularies and tokenizer.json.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
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

using nlohmann::ordered_json;

constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

ordered_json pre_tokenizer_json(const GgufPre& pre) {
  ordered_json parts = ordered_json::array();
  for (const std::string_view split : pre.splits) {
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", split}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  parts.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", true},
                   {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}};
}

ordered_json byte_level_json() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", true},
          {"trim_offsets", true},
          {"use_regex", true}};
}

// The template that puts BOS and EOS around a text, as TemplateProcessing has it.
ordered_json post_processor_json(const BpeParts& parts, const GgufVocabulary& gguf) {
  if (parts.prefix.empty() && parts.suffix.empty()) {
    ordered_json plain = byte_level_json();
    plain["trim_offsets"] = false;
    return plain;
  }
  ordered_json single = ordered_json::array(), pair = ordered_json::array();
  ordered_json special = ordered_json::object();
  const auto put = [&](const std::vector<TokenId>& ids, int type) {
    for (const TokenId id : ids) {
      const std::string& text = gguf.tokens[static_cast<std::size_t>(id)];
      const ordered_json token = {{"SpecialToken", {{"id", text}, {"type_id", type}}}};
      if (type == 0) single.push_back(token);
      pair.push_back(token);
      special[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    }
  };
  put(parts.prefix, 0);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  put(parts.suffix, 0);
  put(parts.prefix, 1);
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  put(parts.suffix, 1);
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(special)}};
}

// A pipeline in words that are equal exactly when the pipelines cut alike.
std::string signature(const std::vector<PreTokenizerStep>& steps) {
  std::string out;
  for (const PreTokenizerStep& step : steps) {
    if (step.split) {
      out += fmt::format("Split({}, {}{}) ", step.split->regex.pattern(),
                         static_cast<int>(step.split->behavior),
                         step.split->invert ? ", inverted" : "");
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

const GgufPre* recognise(const JsonView& root, const BpeSpec& spec, const std::string& file) {
  PreTokenizer pre_tokenizer;
  if (const auto value = root.find("pre_tokenizer")) pre_tokenizer.add(*value, file);
  const bool nfc = is_nfc(root.find("normalizer"), file);
  const std::string seen = signature(pre_tokenizer.steps());
  const GgufPre* found = nullptr;
  for (const GgufPre& pre : gguf_pres()) {
    if (pre.nfc == nfc && signature(pre) == seen) {
      found = &pre;
      break;
    }
  }
  if (found == nullptr && !nfc) found = find_by_original(pre_tokenizer.steps());
  if (found == nullptr) {
    fail_unsupported("{}: GGUF has no name for the pre-tokenizer {}{}", quoted(file), quoted(seen),
                     nfc ? "after NFC" : "");
  }
  if (found->ignore_merges != spec.ignore_merges && !finds_every_token(spec, file)) {
    fail_unsupported("{}: GGUF's pre-tokenizer {} means ignore_merges = {}", quoted(file),
                     found->name, found->ignore_merges);
  }
  return found;
}

// GGUF says "put BOS first", not what else a template might write.
bool only_token(const std::vector<TokenId>& ids, const std::optional<TokenId>& token,
                const std::string& file) {
  if (ids.empty()) return false;
  if (ids.size() == 1 && token && ids[0] == *token) return true;
  fail_unsupported("{}: GGUF has no place for what the post-processor adds besides BOS and EOS",
                   quoted(file));
}

}  // namespace

TokenizerFiles bpe_to_hugging_face(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const BpeParts parts = bpe_parts_from_gguf(files);
  const GgufPre& pre = *find_gguf_pre(gguf.pre);

  ordered_json root;
  root["version"] = "1.0";
  root["truncation"] = nullptr;
  root["padding"] = nullptr;
  root["added_tokens"] = ordered_json::array();
  std::vector<std::int32_t> types(gguf.tokens.size(), kNormal);
  for (const AddedToken& token : parts.added) {
    types[static_cast<std::size_t>(token.id)] =
        token.special || looks_like_control(token.text) ? kControl : kUserDefined;
    root["added_tokens"].push_back({{"id", token.id},
                                    {"content", token.text},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", token.special}});
  }
  root["normalizer"] = nullptr;
  if (pre.nfc) root["normalizer"] = {{"type", "NFC"}};
  root["pre_tokenizer"] = pre_tokenizer_json(pre);
  root["post_processor"] = post_processor_json(parts, gguf);
  root["decoder"] = byte_level_json();
  ordered_json model;
  model["type"] = "BPE";
  model["dropout"] = nullptr;
  model["unk_token"] = nullptr;
  model["continuing_subword_prefix"] = nullptr;
  model["end_of_word_suffix"] = nullptr;
  model["fuse_unk"] = false;
  model["byte_fallback"] = false;
  model["ignore_merges"] = pre.ignore_merges;
  // Written as text: an ordered_json object would look up each of its keys in all others.
  const std::string open = root.dump();
  std::string text = open.substr(0, open.size() - 1) + ",\"model\":";
  const std::string model_open = model.dump();
  text += model_open.substr(0, model_open.size() - 1) + ",\"vocab\":{";
  bool first = true;
  for (std::size_t i = 0; i < gguf.tokens.size(); ++i) {
    if (gguf.tokens[i].empty()) continue;
    text += fmt::format("{}{}:{}", first ? "" : ",", ordered_json(gguf.tokens[i]).dump(), i);
    first = false;
  }
  text += "},\"merges\":[";
  const bool pairs =
      std::any_of(parts.model.merges.begin(), parts.model.merges.end(), [](const auto& merge) {
        return merge.first.find(' ') != std::string::npos ||
               merge.second.find(' ') != std::string::npos;
      });
  first = true;
  for (const auto& [left, right] : parts.model.merges) {
    const ordered_json merge = pairs ? ordered_json::array({left, right})
                                     : ordered_json(fmt::format("{} {}", left, right));
    text += fmt::format("{}{}", first ? "" : ",", merge.dump());
    first = false;
  }
  text += "]}}\n";

  ordered_json config = tokenizer_config_json(gguf);
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  if (pre.name != gguf.pre) config["gguf"]["pre"] = gguf.pre;
  for (std::size_t i = 0; i < gguf.types.size(); ++i) {
    if (gguf.types[i] != types[i]) config["gguf"]["token_types"].push_back({i, gguf.types[i]});
  }
  if (!gguf.scores.empty()) {
    const bool equal = std::all_of(gguf.scores.begin(), gguf.scores.end(),
                                   [&](float score) { return score == gguf.scores.front(); });
    config["gguf"]["scores"] =
        equal ? std::vector<float>{gguf.scores.front()} : gguf.scores;  // one stands for all
  }
  TokenizerFiles out;
  out.origin = files.origin;
  out.tokenizer_json = std::move(text);
  out.tokenizer_config_json = config.dump(2) + "\n";
  return out;
}

GgufVocabulary bpe_to_gguf(const TokenizerFiles& files) {
  const std::string file = file_path(files, "tokenizer.json");
  const TokenizerJson source = parse_tokenizer_json(files.tokenizer_json, file);
  if (auto llama = bpe_to_spm_gguf(files, source)) return *std::move(llama);
  const BpeParts parts = bpe_parts_from_json(files);
  const TokenizerConfig config = parse_tokenizer_config(files);
  const GgufPre* pre = recognise(JsonView(source.document, file, "tokenizer"), source.model, file);
  if (!parts.decoder.is_byte_level()) {
    fail_unsupported("{}: GGUF's \"gpt2\" has no decoder but ByteLevel", quoted(file));
  }
  GgufVocabulary out;
  out.model = "gpt2";
  out.pre = pre->name;
  if (const GgufPre* said = find_gguf_pre(config.gguf_pre);
      said == pre && !(config.gguf_pre.empty() && pre->name != "default")) {
    out.pre = config.gguf_pre;
  }
  out.tokens = source.model.tokens;
  out.types.assign(out.tokens.size(), kNormal);
  for (const AddedToken& token : source.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= out.tokens.size()) {
      out.tokens.resize(id + 1);
      out.types.resize(id + 1, kNormal);
    }
    out.tokens[id] = token.text;
    out.types[id] = token.special || looks_like_control(token.text) ? kControl : kUserDefined;
  }
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    if (!out.tokens[i].empty()) continue;
    out.tokens[i] = fmt::format("[PAD{}]", i);
    out.types[i] = kUnused;
  }
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
  for (const auto& [left, right] : source.model.merges) {
    if (left.find(' ') != std::string::npos || right.find(' ') != std::string::npos) {
      fail_unsupported("{}: GGUF has no place for the merge of {} and {}", quoted(file),
                       quoted(left), quoted(right));
    }
    out.merges.push_back(fmt::format("{} {}", left, right));
  }
  const auto id = [&](const std::optional<std::string>& text) -> std::int64_t {
    const auto at =
        text ? std::find(out.tokens.begin(), out.tokens.end(), *text) : out.tokens.end();
    return at == out.tokens.end() ? -1 : at - out.tokens.begin();
  };
  out.bos = parts.bos ? *parts.bos : -1;
  out.eos = parts.eos ? *parts.eos : -1;
  out.unknown = id(config.unknown);
  out.pad = id(config.pad);
  out.eot = config.gguf_eot;
  out.add_bos = only_token(parts.prefix, parts.bos, file);
  out.add_eos = only_token(parts.suffix, parts.eos, file);
  out.chat_template = parts.chat_template;
  return out;
}

}  // namespace lathe
