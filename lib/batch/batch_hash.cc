// Fingerprints of a batch: what a record was made from (lathe/records.h).
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tuple>

#include "lathe/answer_check.h"
#include "lathe/batch.h"
#include "lathe/constraint.h"

#include "base/json.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kVersion = "lathe.batch/1";

// Each record is taken apart whole, so that a new option does not compile before somebody
// decides here whether answers depend on it.
Json json_of(const GenerateOptions& options) {
  const auto& [sampling, max_tokens, stop, end_tokens, ignore_eos, logprobs, loop_tokens, reasoning,
               edit_logits, constraint, check, shorten] = options;
  static_cast<void>(std::tie(edit_logits, reasoning, shorten));  // no row has one yet
  const auto& [temperature, top_k, top_p, min_p, repeat_penalty, repeat_last, seed] = sampling;
  Json out = {temperature, top_k,      top_p, min_p,      repeat_penalty, repeat_last,
              seed,        max_tokens, stop,  ignore_eos, logprobs,       end_tokens};
  if (loop_tokens > 0) out.push_back(loop_tokens);
  if (constraint) out.push_back({"constraint", constraint->constraint->grammar().source()});
  if (check)
    out.push_back({"check", check->source, check->tries, check->places.regex,
                   static_cast<int>(check->places.kind)});
  return out;
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::uint64_t vocabulary_hash(std::uint64_t hash, const GgufVocabulary& vocabulary) {
  const auto& [model, pre, tokens, scores, types, merges, bos, eos, unknown, pad, eot, add_bos,
               add_eos, add_space_prefix, chat_template, space_prefix, no_default_ids,
               named_templates] = vocabulary;
  static_cast<void>(pad);  // no text becomes it
  for (const auto& [name, text] : named_templates) {
    hash = hash_parts({fmt::format("{}", hash), name, text});
  }
  for (const auto* list : {&tokens, &merges}) {
    for (const std::string& text : *list) hash = hash_parts({fmt::format("{}", hash), text});
  }
  hash = hash_parts({fmt::format("{}", hash), model, pre, chat_template,
                     dump({scores, types, bos, eos, unknown, eot, add_bos.value_or(false),
                           add_eos.value_or(false), add_space_prefix.value_or(true)})});
  if (space_prefix.empty() && !no_default_ids) return hash;
  return hash_parts({fmt::format("{} {}", hash, no_default_ids), space_prefix});
}

std::uint64_t tokenizer_hash(const TokenizerFiles& files) {
  const auto& [json, compiled, sentencepiece, tokenizer_config, special_tokens, added_tokens,
               chat_template, named_templates, gguf, origin, rows] = files;
  static_cast<void>(std::tie(compiled, origin, rows));  // the model's fingerprint knows its rows
  std::uint64_t hash = hash_parts({json, sentencepiece, tokenizer_config, special_tokens,
                                   gguf ? gguf->chat_template : chat_template});
  if (!added_tokens.empty()) hash = hash_parts({fmt::format("{}", hash), added_tokens});
  for (const auto& [name, text] : named_templates) {
    hash = hash_parts({fmt::format("{}", hash), name, text});
  }
  return gguf ? vocabulary_hash(hash, *gguf) : hash;
}

}  // namespace

std::uint64_t options_hash(const BatchOptions& options) {
  const auto& [lines, defaults, timings, run, model, vectors, submitted, longest_line, on_progress,
               should_stop] = options;
  // What the records' fingerprints have already, and what says how, not what, is computed.
  static_cast<void>(std::tie(run, model, submitted, on_progress, should_stop));
  const auto& [each, chat_tokens, samples, timeout, chat, system, chat_template, tools,
               template_args, reasoning_apart, reasoning_dropped, finish, special, echo] = defaults;
  static_cast<void>(timeout);  // a longer one changes no answer that is there
  Json rest = {lines, timings, longest_line, chat_tokens,   samples,
               chat,  special, echo,         chat_template, system.has_value()};
  // Later options: a run without them is the run that it was.
  if (!tools.empty() || !template_args.empty()) rest.push_back({tools, template_args});
  if (reasoning_apart || reasoning_dropped) rest.push_back(reasoning_apart ? "apart" : "dropped");
  if (finish) rest.push_back("finish");
  if (vectors) rest.push_back("vectors");
  return hash_parts({kVersion, dump(json_of(each)), dump(rest), system.value_or("")});
}

std::uint64_t content_hash(const Checkpoint& checkpoint) {
  const TokenizerFiles* files = checkpoint.tokenizer_files();
  return hash_parts(
      {fingerprint(checkpoint), fmt::format("{}", files ? tokenizer_hash(*files) : 0)});
}

bool is_error_record(std::string_view record) {
  try {
    const Json parsed = parse_json(record, "record");
    return parsed.is_object() && JsonView(parsed, "record").contains("error");
  } catch (const Error&) {
    return false;
  }
}

bool is_check_failed_record(std::string_view record) {
  try {
    const Json parsed = parse_json(record, "record");
    const Json::json_pointer body("/response/body");
    const Json& answer = parsed.contains(body) ? parsed[body] : parsed;
    if (answer.contains("check_failed")) return true;
    if (!answer.contains("choices") || !answer["choices"].is_array()) return false;
    const Json& choices = answer["choices"];
    return std::any_of(choices.begin(), choices.end(),
                       [](const Json& choice) { return choice.contains("check_failed"); });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace lathe
