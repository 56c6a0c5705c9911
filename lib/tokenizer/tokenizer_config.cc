#include "tokenizer/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "tokenizer/file_path.h"

namespace lathe {
namespace {

// A special token is its text, or an object with the text in "content".
AddedToken special_token(const JsonView& value) {
  AddedToken token;
  if (value.is_object()) {
    token = read_added_token(value.at("content").as_string(), value);
  } else {
    token.text = value.as_string();
  }
  if (token.text.empty()) value.fail_here("is an empty token");
  if (!value.is_object() || !value.contains("normalized")) token.normalized = false;
  token.special = true;
  return token;
}

// "", as some files have it, stands for none.
std::optional<std::string> token_text(const JsonView& object, std::string_view key) {
  const auto value = object.find(key);
  if (!value || (value->is_string() && value->as_string().empty())) return std::nullopt;
  return special_token(*value).text;
}

// One template, or several with names of which "default" is meant where none is named.
void read_templates(const JsonView& object, TokenizerConfig& config) {
  const auto value = object.find("chat_template");
  if (!value) return;
  if (!value->is_array()) {
    config.chat_template = value->as_string();
    return;
  }
  for (const JsonView& one : value->items()) {
    std::string name = one.at("name").as_string();
    std::string text = one.at("template").as_string();
    if (name == "default") {
      config.chat_template = std::move(text);
    } else {
      config.named_chat_templates.emplace_back(std::move(name), std::move(text));
    }
  }
}

TokenId id_of(std::string_view text, const JsonView& place) {
  TokenId id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) {
    place.fail_here("does not have a token id as its name");
  }
  return id;
}

void sort_by_id(std::vector<AddedToken>& tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

std::vector<AddedToken> read_decoder(const JsonView& decoder) {
  std::vector<AddedToken> out;
  decoder.for_each([&out](const std::string& key, const JsonView& value) {
    AddedToken token = read_added_token(value.get_string("content").value_or(""), value);
    token.id = id_of(key, value);
    if (token.text.empty()) value.fail_here("is an empty token");
    out.push_back(std::move(token));
  });
  sort_by_id(out);
  return out;
}

// added_tokens.json: {"<x>": 7}. Those that the other files name are special.
std::vector<AddedToken> read_added_tokens_json(const std::string& text, const std::string& file,
                                               const TokenizerConfig& config) {
  std::unordered_set<std::string> special;
  for (const auto& [key, token] : config.usual_tokens) special.insert(token.text);
  for (const auto* tokens : {&config.own_tokens, &config.listed_tokens}) {
    for (const AddedToken& token : *tokens) special.insert(token.text);
  }
  std::vector<AddedToken> out;
  const nlohmann::json json = parse_json(text, file);
  const JsonView object(json, file, "added_tokens");
  object.for_each([&](const std::string& key, const JsonView& value) {
    AddedToken token;
    token.text = key;
    if (key.empty()) value.fail_here("is the id of an empty token");
    token.id = static_cast<TokenId>(value.as_int(0, INT32_MAX));
    token.special = special.contains(key);
    token.normalized = !token.special;
    out.push_back(std::move(token));
  });
  sort_by_id(out);
  return out;
}

constexpr std::string_view kNamed[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};

void read_named_tokens(const JsonView& object, TokenizerConfig& config) {
  for (const std::string_view key : kNamed) {
    if (token_text(object, key)) {
      config.usual_tokens.emplace_back(key, special_token(object.at(key)));
    }
  }
  object.for_each([&](const std::string& key, const JsonView& value) {
    const bool is_usual = std::ranges::find(kNamed, key) != std::end(kNamed);
    if (is_usual || !key.ends_with("_token") || !(value.is_string() || value.is_object())) return;
    if (token_text(object, key)) config.own_tokens.push_back(special_token(value));
  });
  const auto extra = object.find("extra_special_tokens");
  const bool has_extra = extra && extra->size() > 0;
  if (has_extra && extra->is_object()) {
    extra->for_each([&](const std::string&, const JsonView& value) {
      config.own_tokens.push_back(special_token(value));
    });
  } else if (const auto list = has_extra ? extra : object.find("additional_special_tokens")) {
    for (const JsonView& value : list->items())
      config.listed_tokens.push_back(special_token(value));
  }
}

nlohmann::json parse_object(const std::string& text, const std::string& file, const char* what) {
  nlohmann::json json = parse_json(text, file);
  if (!json.is_object()) JsonView(json, file, what).fail_here("is not a JSON object");
  return json;
}

void read_gguf_extras(const JsonView& object, TokenizerConfig& config) {
  const auto gguf = object.find("gguf");
  if (!gguf) return;
  config.gguf_pre = gguf->get_string("pre");
  config.gguf_space_prefix = gguf->get_string("space_prefix").value_or("");
  config.longest_first = gguf->get_bool("longest_first").value_or(false);
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

NamedTexts named_tokens(const TokenizerConfig& config) {
  NamedTexts out;
  for (const auto& [key, token] : config.usual_tokens) {
    if (key != "bos_token" && key != "eos_token") out.emplace_back(key, token.text);
  }
  return out;
}

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files) {
  TokenizerConfig config;
  const std::string file = file_path(files, "tokenizer_config.json");
  nlohmann::json json = nlohmann::json::object();
  if (!files.tokenizer_config_json.empty()) {
    json = parse_object(files.tokenizer_config_json, file, "tokenizer_config");
  }
  const bool has_decoder = json.contains("added_tokens_decoder");
  if (!has_decoder && !files.special_tokens_map_json.empty()) {
    config.map_file = file_path(files, "special_tokens_map.json");
    const nlohmann::json map =
        parse_object(files.special_tokens_map_json, config.map_file, "special_tokens_map");
    for (const auto& [key, value] : map.items()) config.keys_of_map.insert(key);
    json.update(map);
  }
  const JsonView object(json, file, "tokenizer_config");
  config.tokenizer_class = object.get_string("tokenizer_class").value_or("");
  config.add_bos = object.get_bool("add_bos_token");
  config.add_eos = object.get_bool("add_eos_token");
  config.legacy = object.get_bool("legacy");
  config.add_prefix_space = object.get_bool("add_prefix_space");
  config.bos = token_text(object, "bos_token");
  config.eos = token_text(object, "eos_token");
  config.unknown = token_text(object, "unk_token");
  config.pad = token_text(object, "pad_token");
  read_templates(object, config);
  read_named_tokens(object, config);
  if (const auto decoder = object.find("added_tokens_decoder")) {
    config.added_tokens = read_decoder(*decoder);
  } else if (!files.added_tokens_json.empty()) {
    config.added_tokens = read_added_tokens_json(files.added_tokens_json,
                                                 file_path(files, "added_tokens.json"), config);
  }
  read_gguf_extras(object, config);
  if (!files.chat_template.empty()) config.chat_template = files.chat_template;
  // Files of their own come before what tokenizer_config.json says.
  for (const auto& named : files.named_chat_templates) {
    std::erase_if(config.named_chat_templates,
                  [&named](const auto& known) { return known.first == named.first; });
    config.named_chat_templates.push_back(named);
  }
  return config;
}

}  // namespace lathe
