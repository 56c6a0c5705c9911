// A GGUF vocabulary of BPE as tokenizer.json and tokenizer_config.json.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/gguf_padding.h"
#include "tokenizer/gguf_pre.h"

namespace lathe {
namespace {

using nlohmann::ordered_json;

ordered_json pre_tokenizer_json(const GgufPre& pre) {
  ordered_json parts = ordered_json::array();
  for (const std::string_view split : pre.splits) {
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", split}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  if (!pre.marks_spaces) {
    parts.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", false}});
  }
  return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}};
}

ordered_json replace_json(std::string_view what, std::string_view by) {
  return {{"type", "Replace"}, {"pattern", {{"String", what}}}, {"content", by}};
}

ordered_json normalizer_json(const GgufPre& pre) {
  if (pre.marks_spaces) return replace_json(" ", kSpaceMark);
  if (pre.nfc) return {{"type", "NFC"}};
  return nullptr;
}

ordered_json byte_level_json() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", true},
          {"trim_offsets", true},
          {"use_regex", true}};
}

ordered_json decoder_json(const GgufPre& pre) {
  if (!pre.marks_spaces) return byte_level_json();
  return {{"type", "Sequence"},
          {"decoders",
           {replace_json(kSpaceMark, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}};
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

// The vocabulary and the merges, written as text: an ordered_json object would look up each of its
// keys in all others.
std::string model_text(const BpeParts& parts, const GgufPre& pre, const GgufVocabulary& gguf) {
  const ordered_json model = {{"type", "BPE"},
                              {"dropout", nullptr},
                              {"unk_token", nullptr},
                              {"continuing_subword_prefix", nullptr},
                              {"end_of_word_suffix", nullptr},
                              {"fuse_unk", false},
                              {"byte_fallback", pre.marks_spaces},
                              {"ignore_merges", pre.ignore_merges}};
  const std::string open = model.dump();
  std::string text = open.substr(0, open.size() - 1) + ",\"vocab\":{";
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
  return text + "]}";
}

}  // namespace

TokenizerFiles bpe_to_hugging_face(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const BpeParts parts = bpe_parts_from_gguf(files);
  const GgufPre& pre = *find_gguf_pre(gguf);

  ordered_json root = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", ordered_json::array()}};
  std::vector<std::int32_t> types(gguf.tokens.size(), gguf_type(PieceType::kNormal));
  for (const AddedToken& token : parts.added) {
    types[static_cast<std::size_t>(token.id)] =
        gguf_type(token.special || looks_like_control(token.text) ? PieceType::kControl
                                                                  : PieceType::kUserDefined);
    ordered_json one = {{"id", token.id}};
    one.update(added_token_json(token.text, token.special));
    root["added_tokens"].push_back(std::move(one));
  }
  root["normalizer"] = normalizer_json(pre);
  root["pre_tokenizer"] = pre_tokenizer_json(pre);
  root["post_processor"] = post_processor_json(parts, gguf);
  root["decoder"] = decoder_json(pre);
  const std::string open = root.dump();

  ordered_json config = tokenizer_config_json(gguf, files.origin);
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["gguf"]["pre"] = gguf.model == "gemma4" ? std::string(pre.name) : gguf.pre;
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
  out.tokenizer_json =
      open.substr(0, open.size() - 1) + ",\"model\":" + model_text(parts, pre, gguf) + "}\n";
  out.tokenizer_config_json = config.dump(2) + "\n";
  return out;
}

}  // namespace lathe
