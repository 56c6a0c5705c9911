#include "batch/batch_record.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/answer_check.h"
#include "lathe/embedding.h"
#include "lathe/host/json_text.h"

#include "base/float_array.h"
#include "base/json.h"
#include "batch/openai_body.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// ---- generate's own form

Json token_json(const TokenLogprob& token, const Tokenizer& tokenizer) {
  return {{"id", token.id}, {"piece", tokenizer.piece(token.id)}, {"logprob", token.logprob}};
}

Json logprobs_json(const Generation& sample, const BatchRow& row, const Tokenizer& tokenizer) {
  Json list = Json::array();
  const auto most = static_cast<std::size_t>(row.alternatives.value_or(0));
  for (const GeneratedToken& token : sample.tokens) {
    list.push_back(token_json({token.id, token.logprob}, tokenizer));
    Json& top = list.back()["top"] = Json::array();
    for (const TokenLogprob& other : token.top) {
      if (top.size() < most) top.push_back(token_json(other, tokenizer));
    }
  }
  return list;
}

void put_answer(Json& out, const Generation& sample, const BatchRow& row,
                const Tokenizer& tokenizer) {
  out["text"] = sample.text;
  if (row.reasoning_apart) out["reasoning"] = sample.reasoning;
  out["finish_reason"] = to_string(sample.reason);
  if (!sample.complete) out["complete"] = false;
  if (!sample.stop_text.empty()) out["stop"] = sample.stop_text;
  if (sample.end_token >= 0) out["end_token"] = sample.end_token;
  put_check_report(out, sample.check.get());
  if (row.alternatives) out["logprobs"] = logprobs_json(sample, row, tokenizer);
}

Json timings_json(const Completion& completion) {
  const CompletionTimings& t = completion.timings;
  const double steps = static_cast<double>(generated_tokens(completion)) -
                       static_cast<double>(completion.samples.size());
  return {{"queued", t.queued},
          {"prefill", t.prefill},
          {"ttft", t.first_token},
          {"tpot", steps > 0 ? Json(t.decode / steps) : Json()},
          {"total", t.total}};
}

Json plain_answer(const BatchRow& row, const Completion& completion, const Tokenizer& tokenizer,
                  const RecordContext& context) {
  Json out = {{"index", context.index}};
  if (row.echo) {
    if (!row.ids.empty()) {
      out["prompt"] = row.ids;
    } else if (row.messages.empty()) {
      out["prompt"] = row.prompt;
    } else {
      Json& messages = out["messages"] = Json::array();
      for (const ChatMessage& message : row.messages) {
        messages.push_back(message.json.empty()
                               ? Json({{"role", message.role}, {"content", message.content}})
                               : Json(parse_json(message.json, "message")));
      }
    }
  }
  if (context.vectors) {
    out["embedding"] = float_array(vector_of(completion));
  } else if (row.samples == 1) {
    put_answer(out, completion.samples.front(), row, tokenizer);
  } else {
    Json& choices = out["choices"] = Json::array();
    for (const Generation& sample : completion.samples) {
      Json choice = Json::object();
      put_answer(choice, sample, row, tokenizer);
      choice["tokens"] = sample.ids.size();
      choices.push_back(std::move(choice));
    }
  }
  out["prompt_tokens"] = completion.prompt_tokens;
  if (!context.vectors) out["tokens"] = generated_tokens(completion);
  if (context.timings) {
    out["cached_tokens"] = completion.cached_tokens;
    out["timings"] = timings_json(completion);
  }
  return out;
}

// ---- OpenAI's form

Json openai_answer(const BatchRow& row, const Completion& completion, const Tokenizer& tokenizer,
                   const RecordContext& context) {
  const bool chat = row.form == BatchRow::Form::kOpenAiChat;
  const std::string number = fmt::format("{}", context.index);
  OpenAiIdentity identity;
  identity.id = (chat ? "chatcmpl-" : "cmpl-") + number;
  identity.model = context.model;
  Json body = openai_body(row, completion, tokenizer, identity);
  if (context.timings) {
    put_cached_tokens(body, completion);
    body["timings"] = timings_json(completion);
  }
  Json out = {{"id", "batch_req_" + number}};
  out["response"] = {{"status_code", 200}, {"request_id", number}, {"body", std::move(body)}};
  out["error"] = nullptr;
  out["index"] = context.index;
  return out;
}

// What the row's own JSON adds stands where a reader looks for it: its id behind the first member,
// which is a number of ours, its metadata before the last. Both are copied as they are.
std::string finished(const Json& out, const BatchRow& row, const RecordContext& context) {
  const bool plain = row.form == BatchRow::Form::kPlain;
  const Json first = {{out.begin().key(), out.begin().value()}};
  const std::string whole = json_text(out);
  std::string begin = json_text(first);
  begin.pop_back();
  std::string record = begin;
  if (!plain) record += ",\"custom_id\":" + (row.id.empty() ? "null" : row.id);
  if (plain && !row.id.empty()) record += ",\"id\":" + row.id;
  record.append(whole, begin.size(), whole.size() - begin.size() - 1);
  if (plain && !row.metadata.empty()) record += ",\"metadata\":" + row.metadata;
  return escape_json(record) + fmt::format(",\"fingerprint\":\"{}\"}}", context.fingerprint.text());
}

}  // namespace

std::string answer_record(const BatchRow& row, const Completion& completion,
                          const Tokenizer& tokenizer, const RecordContext& context) {
  Json out = row.form == BatchRow::Form::kPlain
                 ? plain_answer(row, completion, tokenizer, context)
                 : openai_answer(row, completion, tokenizer, context);
  return finished(out, row, context);
}

std::string error_record(const BatchRow& row, const std::string& code, const std::string& message,
                         const RecordContext& context) {
  const Json error = {{"code", code}, {"message", message}};
  if (row.form == BatchRow::Form::kPlain) {
    return finished({{"index", context.index}, {"error", error}}, row, context);
  }
  return finished({{"id", fmt::format("batch_req_{}", context.index)},
                   {"response", nullptr},
                   {"error", error},
                   {"index", context.index}},
                  row, context);
}

}  // namespace lathe
