// Fingerprints of a batch: what a record was made from (lathe/records.h).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/batch.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kVersion = "lathe.batch/1";

Json json_of(const GenerateOptions& options) {
  const SamplingOptions& s = options.sampling;
  return {s.temperature,    s.top_k,
          s.top_p,          s.min_p,
          s.repeat_penalty, s.repeat_last,
          s.seed,           options.max_tokens,
          options.stop,     options.ignore_eos,
          options.logprobs, options.end_tokens};
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::uint64_t tokenizer_hash(const TokenizerFiles& files) {
  std::uint64_t hash =
      hash_parts({files.tokenizer_json, files.sentencepiece_model, files.tokenizer_config_json,
                  files.special_tokens_map_json, files.chat_template});
  if (files.gguf) {
    const GgufVocabulary& g = *files.gguf;
    for (const auto* list : {&g.tokens, &g.merges}) {
      for (const std::string& text : *list) hash = hash_parts({fmt::format("{}", hash), text});
    }
    hash = hash_parts(
        {fmt::format("{}", hash), g.model, g.pre, g.chat_template,
         dump({g.scores, g.types, g.bos, g.eos, g.unknown, g.eot, g.add_bos.value_or(false),
               g.add_eos.value_or(false), g.add_space_prefix.value_or(true)})});
  }
  return hash;
}

}  // namespace

std::uint64_t options_hash(const BatchOptions& options) {
  const RowDefaults& d = options.defaults;
  const Json rest = {
      options.lines, options.timings, options.longest_line, d.chat_tokens,       d.samples, d.chat,
      d.special,     d.echo,          d.chat_template,      d.system.has_value()};
  return hash_parts({kVersion, dump(json_of(d.options)), dump(rest), d.system.value_or("")});
}

std::uint64_t content_hash(const Checkpoint& checkpoint) {
  const auto& files = checkpoint.tokenizer_files();
  return hash_parts(
      {fingerprint(checkpoint), fmt::format("{}", files ? tokenizer_hash(*files) : 0)});
}

bool is_error_record(std::string_view record) {
  const Json parsed = Json::parse(record, nullptr, false);
  const auto error = parsed.is_object() ? parsed.find("error") : parsed.end();
  return parsed.is_object() && error != parsed.end() && !error->is_null();
}

}  // namespace lathe
