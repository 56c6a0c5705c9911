// From tokenizer.json and its neighbours to the parts of a BpeTokenizer.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/file_path.h"
#include "tokenizer/tokenizer_config.h"
#include "tokenizer/tokenizer_json.h"

namespace lathe {
namespace {

// The most ids that a template may put around a text; real ones put one or two.
constexpr std::size_t kMostTemplateIds = 256;

void check_template_ids(std::size_t ids, std::string_view file) {
  if (ids <= kMostTemplateIds) return;
  fail(ErrorCode::kLimit, "{}: the post-processor puts more than {} ids around a text",
       quoted(file), kMostTemplateIds);
}

// Adds the ids that a template writes for one of its special tokens.
void add_template_ids(const JsonView& processor, const std::string& name,
                      std::vector<TokenId>& out) {
  const JsonView ids = processor.at("special_tokens").at(name).at("ids");
  check_template_ids(out.size() + ids.size(), processor.file());
  for (const JsonView& id : ids.items()) {
    out.push_back(static_cast<TokenId>(id.as_int(0, INT32_MAX)));
  }
}

// Adds what a post-processor puts before and after a single text.
void read_post_processor(const JsonView& value, const std::string& file, BpeParts& parts,
                         bool& has_template) {
  const std::string type = value.at("type").as_string();
  if (type == "Sequence") {
    for (const JsonView& part : value.at("processors").items()) {
      read_post_processor(part, file, parts, has_template);
    }
  } else if (type == "TemplateProcessing") {
    has_template = true;
    bool before = true;
    std::vector<TokenId> prefix, suffix;
    for (const JsonView& item : value.at("single").items()) {
      if (const auto special = item.find("SpecialToken")) {
        add_template_ids(value, special->at("id").as_string(), before ? prefix : suffix);
      } else if (item.contains("Sequence") && before) {
        before = false;
      } else {
        item.fail_here("is neither a SpecialToken nor the one Sequence of a single text");
      }
    }
    if (before) value.fail_here("leaves the text out");
    parts.prefix.insert(parts.prefix.begin(), prefix.begin(), prefix.end());
    parts.suffix.insert(parts.suffix.end(), suffix.begin(), suffix.end());
    check_template_ids(std::max(parts.prefix.size(), parts.suffix.size()), file);
  } else if (type != "ByteLevel") {  // ByteLevel changes offsets only
    fail_unsupported("{}: the post-processor {} is not supported", quoted(file), quoted(type));
  }
}

std::optional<TokenId> find_id(const BpeParts& parts, const std::string& text) {
  for (const AddedToken& token : parts.added) {
    if (token.text == text) return token.id;
  }
  const auto& tokens = parts.model.tokens;
  const auto at = std::find(tokens.begin(), tokens.end(), text);
  if (at == tokens.end()) return std::nullopt;
  return static_cast<TokenId>(at - tokens.begin());
}

// tokenizer_config.json may say of BOS and EOS what tokenizer.json leaves open; for the Llama
// classes it has the last word, as their loader rewrites the template from it.
void apply_config(const TokenizerConfig& config, bool has_template, BpeParts& parts) {
  if (config.bos) parts.bos = find_id(parts, *config.bos);
  if (config.eos) parts.eos = find_id(parts, *config.eos);
  const std::string_view kind = config.tokenizer_class;
  const bool rewrites = kind.starts_with("LlamaTokenizer") || kind.starts_with("CodeLlama") ||
                        kind.starts_with("GemmaTokenizer") || kind.starts_with("CohereTokenizer");
  if (has_template && !rewrites) return;
  if (config.add_bos) {
    parts.prefix.clear();
    if (*config.add_bos && parts.bos) parts.prefix = {*parts.bos};
  }
  if (config.add_eos) {
    parts.suffix.clear();
    if (*config.add_eos && parts.eos) parts.suffix = {*parts.eos};
  }
}

}  // namespace

BpeParts bpe_parts_from_json(const TokenizerFiles& files) {
  const std::string file = file_path(files, "tokenizer.json");
  TokenizerJson source = parse_tokenizer_json(files.tokenizer_json, file);
  const JsonView root(source.document, file, "tokenizer");
  BpeParts parts;
  parts.model = std::move(source.model);
  parts.added = std::move(source.added);
  if (const auto value = root.find("normalizer")) parts.normalizer = make_normalizer(*value, file);
  if (const auto value = root.find("pre_tokenizer")) parts.pre_tokenizer.add(*value, file);
  if (const auto value = root.find("decoder")) parts.decoder.add(*value, file);
  bool has_template = false;
  if (const auto value = root.find("post_processor")) {
    read_post_processor(*value, file, parts, has_template);
  }
  const std::size_t vocab = parts.model.tokens.size();
  for (const auto* ids : {&parts.prefix, &parts.suffix}) {
    for (const TokenId id : *ids) {
      const bool added = std::any_of(parts.added.begin(), parts.added.end(),
                                     [id](const AddedToken& token) { return token.id == id; });
      if (!added && static_cast<std::size_t>(id) >= vocab) {
        fail_invalid("{}: the post-processor's id {} is outside the vocabulary", quoted(file), id);
      }
    }
  }
  TokenizerConfig config = parse_tokenizer_config(files);
  apply_config(config, has_template, parts);
  parts.chat_template = std::move(config.chat_template);
  return parts;
}

std::shared_ptr<const Tokenizer> create_bpe_tokenizer(const TokenizerFiles& files) {
  BpeParts parts = files.gguf ? bpe_parts_from_gguf(files) : bpe_parts_from_json(files);
  return std::make_shared<BpeTokenizer>(
      std::move(parts), files.gguf ? files.origin : file_path(files, "tokenizer.json"));
}

}  // namespace lathe
