// From tokenizer.json and its neighbours to the parts of a BpeTokenizer.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/compiled.h"
#include "tokenizer/bpe/space_marks.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/tokenizer_config.h"
#include "tokenizer/tokenizer_json.h"

namespace lathe {
namespace {

// The most ids that a template may put around a text; real ones put one or two.
constexpr std::size_t kMaxTemplateIds = 256;

void check_id_count(std::size_t ids, std::string_view file) {
  if (ids <= kMaxTemplateIds) return;
  fail(ErrorCode::kLimit, "{}: the post-processor puts more than {} ids around a text",
       quoted(file), kMaxTemplateIds);
}

// Adds the ids that a template writes for one of its special tokens.
void add_template_ids(const JsonView& processor, const std::string& name,
                      std::vector<TokenId>& out) {
  const JsonView ids = processor.at("special_tokens").at(name).at("ids");
  check_id_count(out.size() + ids.size(), processor.file());
  for (const JsonView& id : ids.items()) {
    out.push_back(static_cast<TokenId>(id.as_int(0, INT32_MAX)));
  }
}

// Adds what a post-processor puts before and after a single text.
void read_post_processor(const JsonView& value, const std::string& file, BpeParts& parts) {
  const std::string type = value.at("type").as_string();
  if (type == "Sequence") {
    for (const JsonView& part : value.at("processors").items()) {
      read_post_processor(part, file, parts);
    }
  } else if (type == "TemplateProcessing") {
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
    check_id_count(std::max(parts.prefix.size(), parts.suffix.size()), file);
  } else if (type != "ByteLevel") {  // ByteLevel changes offsets only
    fail_unsupported("{}: the post-processor {} is not supported", quoted(file), quoted(type));
  }
}

void check_template_ids(const BpeParts& parts, const std::string& file) {
  for (const auto* ids : {&parts.prefix, &parts.suffix}) {
    for (const TokenId id : *ids) {
      const bool added = std::any_of(parts.added.begin(), parts.added.end(),
                                     [id](const AddedToken& token) { return token.id == id; });
      if (!added && static_cast<std::size_t>(id) >= parts.model.tokens.size()) {
        fail_invalid("{}: the post-processor's id {} is outside the vocabulary", quoted(file), id);
      }
    }
  }
}

// The id of a token that the files name; they have been seen to declare it.
std::optional<TokenId> id_of(const std::optional<std::string>& text,
                             const std::vector<AddedToken>& added) {
  const auto at = text ? std::ranges::find(added, *text, &AddedToken::text) : added.end();
  return at == added.end() ? std::nullopt : std::optional<TokenId>(at->id);
}

// tokenizer_config.json has the last word on BOS and EOS: loaders rewrite the template from it.
void apply_config(const TokenizerConfig& config, BpeParts& parts) {
  const bool rewrites = config.add_bos || config.add_eos;
  if (!rewrites) return;
  parts.prefix.clear();
  parts.suffix.clear();
  if (config.add_bos.value_or(false) && parts.bos) parts.prefix = {*parts.bos};
  if (config.add_eos.value_or(false) && parts.eos) parts.suffix = {*parts.eos};
}

}  // namespace

BpeParts bpe_parts_from_json(const TokenizerFiles& files) {
  const std::string file = file_path(files, "tokenizer.json");
  TokenizerJson source = files.compiled_json.empty()
                             ? parse_tokenizer_json(files.tokenizer_json, file)
                             : parse_compiled(files);
  const JsonView root(source.document, file, "tokenizer");
  BpeParts parts;
  parts.model = std::move(source.model);
  parts.added = std::move(source.added);
  const auto normalizer = root.find("normalizer");
  const bool no_spaces = normalizer && is_space_to_mark(*normalizer);
  if (const auto value = root.find("pre_tokenizer")) {
    if (!no_spaces || !cuts_at_spaces(*value)) parts.pre_tokenizer.add(*value, file);
  }
  if (normalizer) parts.normalizer = make_normalizer(*normalizer, file);
  if (const auto value = root.find("decoder")) parts.decoder.add(*value, file);
  if (const auto value = root.find("post_processor")) read_post_processor(*value, file, parts);
  TokenizerConfig config = parse_tokenizer_config(files);
  ModelVocabulary vocabulary(parts.model.tokens.size(), [&parts](std::size_t id) {
    return std::string_view(parts.model.tokens[id]);
  });
  parts.named_tokens = named_tokens(config);
  add_declared_tokens(config, vocabulary, file_path(files, "tokenizer_config.json"), parts.added);
  check_template_ids(parts, file);
  parts.bos = id_of(config.bos, parts.added);
  parts.eos = id_of(config.eos, parts.added);
  apply_config(config, parts);
  parts.longest_first = config.longest_first;
  for (const auto& [id, type] : config.gguf_types) {
    if (type == 0 || type == 5) parts.no_text.push_back(id);
  }
  parts.model.whole_line_ends = config.gguf_pre && ends_lines_whole(*config.gguf_pre);
  if (config.gguf_pre == "") parts.warnings.push_back(missing_pre_warning(file));
  parts.chat_template = std::move(config.chat_template);
  parts.named_chat_templates = std::move(config.named_chat_templates);
  return parts;
}

std::shared_ptr<const Tokenizer> create_bpe_tokenizer(const TokenizerFiles& files) {
  BpeParts parts = files.gguf ? bpe_parts_from_gguf(files) : bpe_parts_from_json(files);
  return std::make_shared<BpeTokenizer>(
      std::move(parts), files.rows, files.gguf ? files.origin : file_path(files, "tokenizer.json"));
}

}  // namespace lathe
