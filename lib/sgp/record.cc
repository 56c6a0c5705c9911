#include "lathe/sgp/record.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "lathe/host/json_text.h"
#include "lathe/sgp/dataset.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "sgp/input.h"
#include "sgp/record_parts.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<ErrorCode, const char*> kCodes[] = {{ErrorCode::kFailed, "failed"},
                                                        {ErrorCode::kUsage, "usage"},
                                                        {ErrorCode::kInvalid, "invalid_input"},
                                                        {ErrorCode::kIo, "io"},
                                                        {ErrorCode::kLimit, "limit"},
                                                        {ErrorCode::kUnsupported, "unsupported"},
                                                        {ErrorCode::kBug, "bug"}};

const char* name_of(ErrorCode code) {
  for (const auto& [known, name] : kCodes) {
    if (known == code) return name;
  }
  return "bug";
}

ErrorCode code_of(const std::string& name) {
  for (const auto& [code, known] : kCodes) {
    if (known == name) return code;
  }
  return ErrorCode::kFailed;
}

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

// Scores are 1 or 0 almost always: written without a point then.
Json number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e9
             ? Json(static_cast<std::int64_t>(value))
             : Json(value);
}

Json json_of(const SgpVerdict& verdict) {
  return {{"extracted", text_or_null(verdict.extracted)}, {"score", number(verdict.score)}};
}

SgpVerdict verdict_of(const JsonView& view) {
  return {view.get_string("extracted"), view.get_double("score").value_or(0.0)};
}

std::vector<double> doubles_of(const JsonView& array) {
  std::vector<double> out;
  for (const JsonView& item : array.items()) out.push_back(item.as_double());
  return out;
}

}  // namespace

SgpLogprobs sgp_logprobs_of(const JsonView& view) {
  SgpLogprobs out;
  out.letter = doubles_of(view.at("letter"));
  out.text = doubles_of(view.at("text"));
  if (const auto v = view.find("by_text")) out.by_text = verdict_of(*v);
  if (const auto v = view.find("by_text_per_byte")) out.by_text_per_byte = verdict_of(*v);
  return out;
}

std::string to_json_line(const SgpRecord& r, const SgpLogEntry* entry) {
  Json out;
  if (entry != nullptr) out = {{"index", entry->index}, {"fingerprint", entry->fingerprint}};
  out["split"] = r.split;
  out["id"] = r.id;
  out["subject"] = r.subject;
  if (!r.prompt_hash.empty()) out["prompt"] = r.prompt_hash;
  if (r.response) out["response"] = *r.response;
  out["extracted"] = text_or_null(r.extracted);
  out["answer"] = r.answer;
  out["score"] = number(r.score);
  if (r.reference) out["reference"] = json_of(*r.reference);
  if (r.robust) out["robust"] = json_of(*r.robust);
  if (r.judge) {
    out["judge"] = json_of(r.judge->verdict);
    out["judge"]["response"] = r.judge->response;
  }
  if (r.logprobs) {
    out["logprob"] = {{"letter", r.logprobs->letter},
                      {"text", r.logprobs->text},
                      {"by_text", json_of(r.logprobs->by_text)},
                      {"by_text_per_byte", json_of(r.logprobs->by_text_per_byte)}};
  }
  if (r.tries > 0) out["tries"] = r.tries;
  if (!r.finish.empty()) out["finish"] = r.finish;
  if (r.prompt_tokens > 0) {
    out["tokens"] = {{"prompt", r.prompt_tokens}, {"generated", r.generated_tokens}};
  }
  if (r.seconds) out["seconds"] = *r.seconds;
  if (r.error) out["error"] = {{"code", name_of(r.error->code)}, {"message", r.error->message}};
  return json_text(out);
}

SgpRecord parse_sgp_record(std::string_view line, std::string_view origin,
                           std::int64_t line_number) {
  const std::string file = fmt::format("{}, line {}", origin, line_number);
  const nlohmann::json document = parse_json(line, file);
  const JsonView view(document, file);
  if (!view.is_object()) view.fail_here("is no record of sgp-eval");
  SgpRecord r;
  r.id = view.at("id").as_string();
  r.split = view.get_string("split").value_or("");
  r.subject = view.get_string("subject").value_or("");
  r.prompt_hash = view.get_string("prompt").value_or("");
  r.response = view.get_string("response");
  r.extracted = view.get_string("extracted");
  r.answer = view.at("answer").as_string();
  r.score = view.at("score").as_double();
  if (const auto v = view.find("reference")) r.reference = verdict_of(*v);
  if (const auto v = view.find("robust")) r.robust = verdict_of(*v);
  if (const auto v = view.find("judge")) {
    r.judge = SgpJudged{v->get_string("response").value_or(""), verdict_of(*v)};
  }
  if (const auto v = view.find("logprob")) r.logprobs = sgp_logprobs_of(*v);
  r.tries = static_cast<int>(view.get_int("tries", 0, 1 << 20).value_or(0));
  r.finish = view.get_string("finish").value_or("");
  if (const auto v = view.find("tokens")) {
    r.prompt_tokens = v->get_int("prompt", 0).value_or(0);
    r.generated_tokens = v->get_int("generated", 0).value_or(0);
  }
  r.seconds = view.get_double("seconds");
  if (const auto v = view.find("error")) {
    r.error =
        Failure{code_of(v->get_string("code").value_or("")), v->get_string("message").value_or("")};
  }
  return r;
}

std::vector<SgpRecord> read_sgp_records(const std::string& path) {
  SgpInput input(path);
  ByteLines lines(input.source(), kSgpMostRowBytes);
  std::vector<SgpRecord> records;
  std::int64_t number = 0;
  while (const auto line = lines.next()) {
    ++number;
    if (line->too_long) {
      fail(ErrorCode::kLimit, "{}, line {}: longer than the limit of {} bytes", quoted(path),
           number, kSgpMostRowBytes);
    }
    if (!line->ended) break;  // torn by a crash
    records.push_back(parse_sgp_record(line->text, path, number));
  }
  return records;
}

}  // namespace lathe
