#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/host/json_text.h"
#include "lathe/serve/api.h"

#include "batch/openai_body.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

bool is_chat(const ApiRequest& request) { return request.row.form == BatchRow::Form::kOpenAiChat; }

OpenAiIdentity full(const ApiRequest& request, const ApiIdentity& identity) {
  return {(is_chat(request) ? "chatcmpl-" : "cmpl-") + identity.id, identity.created,
          identity.model};
}

// A chunk without choices.
Json chunk(const ApiRequest& request, const ApiIdentity& identity) {
  const OpenAiIdentity of = full(request, identity);
  Json out = {{"id", of.id},
              {"object", is_chat(request) ? "chat.completion.chunk" : "text_completion"},
              {"created", of.created},
              {"model", request.row.model.empty() ? of.model : request.row.model},
              {"choices", Json::array()}};
  if (request.row.stream_usage) out["usage"] = nullptr;
  return out;
}

std::string chunk_with(const ApiRequest& request, const ApiIdentity& identity, Json choice) {
  Json out = chunk(request, identity);
  out["choices"].push_back(std::move(choice));
  return json_text(out);
}

Json text_choice(int sample, const std::string& text) {
  return {{"index", sample}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
}

Json chat_choice(int sample, Json delta) {
  return {{"index", sample},
          {"delta", std::move(delta)},
          {"logprobs", nullptr},
          {"finish_reason", nullptr}};
}

}  // namespace

std::string api_answer(const ApiRequest& request, const Completion& completion,
                       const Tokenizer& tokenizer, const ApiIdentity& identity) {
  Json body = openai_body(request.row, completion, tokenizer, full(request, identity));
  put_cached_tokens(body, completion);
  return json_text(body);
}

std::vector<std::string> api_first_chunks(const ApiRequest& request, const ApiIdentity& identity) {
  std::vector<std::string> out;
  for (int i = 0; i < request.row.samples; ++i) {
    if (is_chat(request)) {
      const Json delta = {{"role", "assistant"}, {"content", ""}};
      out.push_back(chunk_with(request, identity, chat_choice(i, delta)));
    } else if (request.row.echo) {
      out.push_back(chunk_with(request, identity, text_choice(i, request.row.prompt)));
    }
  }
  return out;
}

std::string api_chunk(const ApiRequest& request, const AnswerPiece& piece,
                      const ApiIdentity& identity) {
  if (!is_chat(request)) {
    return chunk_with(request, identity, text_choice(piece.sample, piece.text));
  }
  const char* member = piece.reasoning ? "reasoning_content" : "content";
  return chunk_with(request, identity, chat_choice(piece.sample, {{member, piece.text}}));
}

std::vector<std::string> api_last_chunks(const ApiRequest& request, const Completion& completion,
                                         const Tokenizer& tokenizer, const ApiIdentity& identity) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < completion.samples.size(); ++i) {
    const Generation& sample = completion.samples[i];
    Json choice = openai_choice(i, sample, request.row, tokenizer);
    if (is_chat(request)) {
      choice.erase("message");
      Json delta = Json::object();
      // Who asks for several answers at once has their thoughts with their ends.
      if (request.row.reasoning_apart && request.row.samples > 1) {
        delta["reasoning_content"] = sample.reasoning;
      }
      choice["delta"] = std::move(delta);
    } else {
      choice["text"] = "";
    }
    out.push_back(chunk_with(request, identity, std::move(choice)));
  }
  if (request.row.stream_usage) {
    Json usage = chunk(request, identity);
    usage["usage"] = openai_usage(completion);
    put_cached_tokens(usage, completion);
    out.push_back(json_text(usage));
  }
  return out;
}

std::string api_error(std::string_view type, std::string_view code, std::string_view message) {
  return json_text(Json{{"error",
                         {{"message", message},
                          {"type", type},
                          {"param", nullptr},
                          {"code", code.empty() ? Json() : Json(code)}}}});
}

}  // namespace lathe
