#include "generate/generation_json.h"

#include <nlohmann/json.hpp>

#include "lathe/answer_check.h"
#include "lathe/host/json_text.h"

#include "generate/drafts.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

Json per_second(double count, double seconds) {
  return count > 0 && seconds > 0 ? Json(count / seconds) : Json();
}

Json json_of(const TokenLogprob& token, const Tokenizer& tokenizer) {
  return {{"id", token.id}, {"piece", tokenizer.piece(token.id)}, {"logprob", token.logprob}};
}

Json timings_of(const GenerationRecord& record) {
  const Generation& result = record.result;
  const GenerateTimings& t = result.timings;
  // The first token comes out of the prefill; each further one takes a decode step.
  const double steps = static_cast<double>(result.ids.size()) - 1;
  const auto prompt = static_cast<double>(result.prompt_tokens);
  Json out = {{"load", record.load_seconds},
              {"ttft", t.first_token},
              {"tpot", steps > 0 ? Json(t.decode / steps) : Json()},
              {"tokens_per_second", per_second(steps, t.decode)},
              {"prompt_tokens_per_second", per_second(prompt, t.prefill)},
              {"bytes_per_token", record.token_bytes}};
  if (result.check != nullptr) out["check"] = result.check->seconds;
  if (result.foreseen > 0) out["foreseen"] = result.foreseen;
  if (record.speculator != nullptr) out["drafts"] = drafts_json(record.speculator->stats());
  return out;
}

}  // namespace

std::string to_json(const GenerationRecord& record) {
  const Generation& result = record.result;
  Json out = {{"schema", "lathe.generate/1"}, {"model", record.model}};
  if (record.prompt != nullptr) out["prompt"] = *record.prompt;
  out["text"] = result.text;
  if (record.reasoning_apart) out["reasoning"] = result.reasoning;
  out["ids"] = result.ids;
  out["finish_reason"] = to_string(result.reason);
  if (!result.complete) out["complete"] = false;
  if (result.shortened > 0) out["context_shifts"] = result.shortened;
  if (!result.stop_text.empty()) out["stop"] = result.stop_text;
  if (result.end_token >= 0) out["end_token"] = result.end_token;
  put_check_report(out, result.check.get());
  out["prompt_tokens"] = result.prompt_tokens;
  out["tokens"] = result.ids.size();
  out["timings"] = timings_of(record);
  if (!result.tokens.empty()) {
    Json& list = out["logprobs"] = Json::array();
    for (const GeneratedToken& token : result.tokens) {
      list.push_back(json_of({token.id, token.logprob}, record.tokenizer));
      Json& top = list.back()["top"] = Json::array();
      for (const TokenLogprob& other : token.top) top.push_back(json_of(other, record.tokenizer));
    }
  }
  return json_text(out);
}

}  // namespace lathe::tool
