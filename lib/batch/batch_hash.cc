// Fingerprints of a batch: what a record was made from (lathe/records.h).
#include <algorithm>
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

// Rows at the beginning, in the middle and at the end: two models of one shape differ there.
std::string sample_of(const Checkpoint& checkpoint, std::size_t tensor) {
  constexpr std::size_t kPiece = 4096;
  const auto bytes = checkpoint.bytes_in_place(tensor);
  const TensorInfo& info = checkpoint.tensors()[tensor];
  std::string out;
  if (!bytes.empty()) {
    for (const std::size_t at : {std::size_t{0}, bytes.size() / 2, bytes.size()}) {
      const std::size_t begin = std::min(at, bytes.size() - std::min(kPiece, bytes.size()));
      const auto piece = bytes.subspan(begin, std::min(kPiece, bytes.size() - begin));
      out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    return out;
  }
  const std::int64_t rows = info.rows();
  if (rows <= 0 || info.bytes == 0) return out;
  const auto row_bytes = static_cast<std::size_t>(info.bytes / static_cast<std::uint64_t>(rows));
  std::vector<std::byte> row(row_bytes);
  for (const std::int64_t at : {std::int64_t{0}, rows / 2, rows - 1}) {
    checkpoint.read_rows(tensor, at, 1, row);
    out.append(reinterpret_cast<const char*>(row.data()), row.size());
  }
  return out;
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
  const ModelConfig& c = checkpoint.config();
  const RopeConfig& r = c.rope;
  const std::string config = dump({c.family,
                                   c.num_heads,
                                   c.num_kv_heads,
                                   c.max_position,
                                   c.sliding_window,
                                   c.windowed_layers,
                                   c.rms_norm_eps,
                                   static_cast<int>(c.activation),
                                   c.eos_tokens,
                                   r.theta,
                                   static_cast<int>(r.scaling),
                                   r.factor,
                                   r.original_max_position,
                                   r.low_freq_factor,
                                   r.high_freq_factor,
                                   r.beta_fast,
                                   r.beta_slow,
                                   r.attention_factor,
                                   r.truncate,
                                   r.frequency_factors});
  const auto& files = checkpoint.tokenizer_files();
  std::uint64_t hash = hash_parts({config, fmt::format("{}", files ? tokenizer_hash(*files) : 0)});
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    hash = hash_parts({fmt::format("{} {} {}", hash, static_cast<int>(info.dtype), info.bytes),
                       info.name, dump(info.shape), sample_of(checkpoint, i)});
  }
  return hash;
}

bool is_error_record(std::string_view record) {
  const Json parsed = Json::parse(record, nullptr, false);
  const auto error = parsed.is_object() ? parsed.find("error") : parsed.end();
  return parsed.is_object() && error != parsed.end() && !error->is_null();
}

}  // namespace lathe
