#include "tokenizer/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "tokenizer/file_path.h"

namespace lathe {
namespace {

// A special token is its text, or an object with the text in "content".
std::optional<std::string> token_text(const JsonView& object, const char* key) {
  const auto value = object.find(key);
  if (!value) return std::nullopt;
  return value->is_object() ? value->get_string("content") : value->as_string();
}

// One template, or several with names of which "default" is meant.
std::string template_text(const JsonView& object) {
  const auto value = object.find("chat_template");
  if (!value) return {};
  if (!value->is_array()) return value->as_string();
  std::string first;
  for (const JsonView& one : value->items()) {
    const std::string text = one.get_string("template").value_or("");
    if (one.get_string("name").value_or("") == "default") return text;
    if (first.empty()) first = text;
  }
  return first;
}

std::vector<AddedToken> read_added_tokens(const JsonView& object) {
  std::vector<AddedToken> out;
  const auto decoder = object.find("added_tokens_decoder");
  if (!decoder) return out;
  decoder->for_each([&out](const std::string& key, const JsonView& value) {
    AddedToken token;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0) {
      value.fail_here("does not have a token id as its name");
    }
    token.text = value.get_string("content").value_or("");
    if (token.text.empty()) value.fail_here("is an empty token");
    token.special = value.get_bool("special").value_or(false);
    token.lstrip = value.get_bool("lstrip").value_or(false);
    token.rstrip = value.get_bool("rstrip").value_or(false);
    token.single_word = value.get_bool("single_word").value_or(false);
    token.normalized = value.get_bool("normalized").value_or(!token.special);
    out.push_back(std::move(token));
  });
  std::sort(out.begin(), out.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return out;
}

void read_gguf_extras(const JsonView& object, TokenizerConfig& config) {
  const auto gguf = object.find("gguf");
  if (!gguf) return;
  config.gguf_pre = gguf->get_string("pre").value_or("");
  config.gguf_eot = gguf->get_int("eot").value_or(-1);
  if (const auto types = gguf->find("token_types")) {
    for (const JsonView& pair : types->items()) {
      config.gguf_types.emplace_back(static_cast<TokenId>(pair.at(0).as_int(0, INT32_MAX)),
                                     static_cast<int>(pair.at(1).as_int(0, 6)));
    }
  }
  if (const auto scores = gguf->find("scores")) {
    for (const JsonView& score : scores->items()) {
      config.gguf_scores.push_back(static_cast<float>(score.as_double()));
    }
  }
}

}  // namespace

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files) {
  TokenizerConfig config;
  if (!files.tokenizer_config_json.empty()) {
    const std::string file = file_path(files, "tokenizer_config.json");
    const nlohmann::json json = parse_json(files.tokenizer_config_json, file);
    const JsonView object(json, file, "tokenizer_config");
    if (!object.is_object()) object.fail_here("is not a JSON object");
    config.tokenizer_class = object.get_string("tokenizer_class").value_or("");
    config.add_bos = object.get_bool("add_bos_token");
    config.add_eos = object.get_bool("add_eos_token");
    config.legacy = object.get_bool("legacy");
    config.add_prefix_space = object.get_bool("add_prefix_space");
    config.bos = token_text(object, "bos_token");
    config.eos = token_text(object, "eos_token");
    config.unknown = token_text(object, "unk_token");
    config.pad = token_text(object, "pad_token");
    config.chat_template = template_text(object);
    config.added_tokens = read_added_tokens(object);
    read_gguf_extras(object, config);
  }
  if (!files.special_tokens_map_json.empty()) {
    const std::string file = file_path(files, "special_tokens_map.json");
    const nlohmann::json json = parse_json(files.special_tokens_map_json, file);
    const JsonView object(json, file, "special_tokens_map");
    if (!object.is_object()) object.fail_here("is not a JSON object");
    if (!config.bos) config.bos = token_text(object, "bos_token");
    if (!config.eos) config.eos = token_text(object, "eos_token");
    if (!config.unknown) config.unknown = token_text(object, "unk_token");
    if (!config.pad) config.pad = token_text(object, "pad_token");
  }
  if (!files.chat_template.empty()) config.chat_template = files.chat_template;
  return config;
}

}  // namespace lathe
