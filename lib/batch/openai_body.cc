#include "batch/openai_body.h"

#include <utility>

#include "lathe/answer_check.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// A token's own text, without the rule that drops the space before a text's first word.
std::string text_of(TokenId id, const Tokenizer& tokenizer) {
  const TokenId one[] = {id}, two[] = {id, id};
  const std::string first = tokenizer.decode(one, true), both = tokenizer.decode(two, true);
  return both.size() >= first.size() ? both.substr(first.size()) : both;
}

Json bytes_of(const std::string& text) {
  Json list = Json::array();
  for (const char c : text) list.push_back(static_cast<unsigned char>(c));
  return list;
}

Json openai_token(const TokenLogprob& token, const Tokenizer& tokenizer) {
  const std::string text = text_of(token.id, tokenizer);
  return {{"token", text}, {"logprob", token.logprob}, {"bytes", bytes_of(text)}};
}

Json openai_chat_logprobs(const Generation& sample, const BatchRow& row,
                          const Tokenizer& tokenizer) {
  Json content = Json::array();
  const auto most = static_cast<std::size_t>(*row.alternatives);
  for (const GeneratedToken& token : sample.tokens) {
    content.push_back(openai_token({token.id, token.logprob}, tokenizer));
    Json& top = content.back()["top_logprobs"] = Json::array();
    for (const TokenLogprob& other : token.top) {
      if (top.size() < most) top.push_back(openai_token(other, tokenizer));
    }
  }
  return {{"content", std::move(content)}};
}

Json openai_text_logprobs(const Generation& sample, const BatchRow& row,
                          const Tokenizer& tokenizer) {
  Json tokens = Json::array(), values = Json::array(), tops = Json::array();
  const auto most = static_cast<std::size_t>(*row.alternatives);
  for (const GeneratedToken& token : sample.tokens) {
    tokens.push_back(text_of(token.id, tokenizer));
    values.push_back(token.logprob);
    Json top = Json::object();
    for (const TokenLogprob& other : token.top) {
      if (top.size() < most) top[text_of(other.id, tokenizer)] = other.logprob;
    }
    tops.push_back(std::move(top));
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(tops)}};
}

}  // namespace

// The context's end is the length's end there.
const char* openai_reason(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

Json openai_choice(std::size_t number, const Generation& sample, const BatchRow& row,
                   const Tokenizer& tokenizer) {
  Json out = {{"index", number}};
  if (row.form == BatchRow::Form::kOpenAiChat) {
    out["message"] = {{"role", "assistant"}, {"content", sample.text}};
    if (row.reasoning_apart) out["message"]["reasoning_content"] = sample.reasoning;
    out["logprobs"] = row.alternatives ? openai_chat_logprobs(sample, row, tokenizer) : Json();
  } else {
    out["text"] = row.echo ? row.prompt + sample.text : sample.text;
    out["logprobs"] = row.alternatives ? openai_text_logprobs(sample, row, tokenizer) : Json();
  }
  out["finish_reason"] = openai_reason(sample.reason);
  put_check_report(out, sample.check.get());
  return out;
}

std::int64_t generated_tokens(const Completion& completion) {
  std::int64_t tokens = 0;
  for (const Generation& sample : completion.samples) {
    tokens += static_cast<std::int64_t>(sample.ids.size());
  }
  return tokens;
}

Json openai_usage(const Completion& completion) {
  const std::int64_t answer = generated_tokens(completion);
  return {{"prompt_tokens", completion.prompt_tokens},
          {"completion_tokens", answer},
          {"total_tokens", completion.prompt_tokens + answer}};
}

void put_cached_tokens(Json& body, const Completion& completion) {
  body["usage"]["prompt_tokens_details"] = {{"cached_tokens", completion.cached_tokens}};
}

Json openai_body(const BatchRow& row, const Completion& completion, const Tokenizer& tokenizer,
                 const OpenAiIdentity& identity) {
  const bool chat = row.form == BatchRow::Form::kOpenAiChat;
  Json body = {{"id", identity.id},
               {"object", chat ? "chat.completion" : "text_completion"},
               {"created", identity.created},
               {"model", row.model.empty() ? identity.model : row.model}};
  Json& choices = body["choices"] = Json::array();
  for (std::size_t i = 0; i < completion.samples.size(); ++i) {
    choices.push_back(openai_choice(i, completion.samples[i], row, tokenizer));
  }
  body["usage"] = openai_usage(completion);
  return body;
}

}  // namespace lathe
