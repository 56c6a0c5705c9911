#include "lathe/sgp/responses.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "lathe/host/json_text.h"
#include "lathe/sgp/prompts.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "sgp/input.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string id_text(const JsonView& value) {
  return value.is_string() ? value.as_string() : value.json().dump();
}

// choices[0].message.content of a batch's response.
std::string batch_text(const JsonView& response) {
  const JsonView choice = response.at("body").at("choices").at(std::size_t{0});
  return choice.at("message").at("content").as_string();
}

SgpError error_of(const JsonView& value) {
  SgpError error;
  error.code = ErrorCode::kFailed;
  error.message = value.is_string()
                      ? value.as_string()
                      : value.get_string("message").value_or("the response is an error");
  return error;
}

void read_line(std::string_view line, const std::string& file, SgpResponse& out) {
  const nlohmann::json document = parse_json(line, file);
  const JsonView view(document, file);
  if (!view.is_object()) view.fail_here("is no JSON object");
  auto id = view.find("id");
  // OpenAI's lines have an id of their own beside the question's.
  if (const auto custom = view.find("custom_id")) id = custom;
  if (!id) view.fail_here("has no id");
  const auto split = view.get_string("split");
  const auto response = view.find("response");
  const auto text = view.find("text");
  if (const auto error = view.find("error"); error && !response && !text) {
    out.error = error_of(*error);
  } else if (response) {
    out.text = response->is_object() ? batch_text(*response) : response->as_string();
  } else if (text) {
    out.text = text->as_string();
  } else {
    view.fail_here("has neither a response nor an error");
  }
  out.id = id_text(*id);
  out.split = split.value_or("");
}

}  // namespace

std::vector<std::string> sgp_prompt_ids(std::span<const SgpQuestion> questions) {
  std::unordered_map<std::string_view, int> uses;
  for (const SgpQuestion& question : questions) ++uses[question.id];
  std::vector<std::string> ids;
  for (const SgpQuestion& question : questions) {
    ids.push_back(uses[question.id] == 1 ? question.id
                                         : fmt::format("{}/{}", question.split, question.id));
  }
  return ids;
}

std::string sgp_prompt_line(const std::string& id, const SgpQuestion& question,
                            const SgpRunOptions& options) {
  Json messages = Json::array();
  for (const ChatMessage& message : sgp_messages(question, options.system)) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  const Json line = {{"id", id},
                     {"messages", std::move(messages)},
                     {"max_tokens", options.max_tokens},
                     {"temperature", 0}};
  return json_text(line);
}

std::vector<SgpResponse> read_sgp_responses(const std::string& path) {
  SgpInput input(path);
  ByteLines lines(input.source(), kSgpMostRowBytes);
  const std::string name = path == "-" ? "standard input" : path;
  std::vector<SgpResponse> responses;
  std::int64_t number = 0;
  while (const auto line = lines.next()) {
    SgpResponse response;
    response.line = ++number;
    try {
      if (line->too_long) {
        fail(ErrorCode::kLimit, "{}: longer than the limit of {} bytes for a line", quoted(name),
             kSgpMostRowBytes);
      }
      read_line(line->text, name, response);
    } catch (const Error& error) {
      response = {{}, {}, {}, SgpError{error.code(), error.message()}, number};
    }
    responses.push_back(std::move(response));
  }
  return responses;
}

SgpScored score_sgp_responses(std::span<const SgpQuestion> questions,
                              std::span<const SgpResponse> responses,
                              const SgpRunOptions& options) {
  // A question answers to its prompt id, to "SPLIT/ID", and to its id with its split beside it.
  std::unordered_map<std::string, std::size_t> places;
  const std::vector<std::string> ids = sgp_prompt_ids(questions);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    places.emplace(ids[i], i);
    places.emplace(fmt::format("{}/{}", questions[i].split, questions[i].id), i);
  }
  SgpScored out;
  std::vector<const SgpResponse*> found(questions.size());
  for (const SgpResponse& response : responses) {
    if (response.id.empty()) {
      out.warnings.push_back(fmt::format("response in line {}: {}", response.line,
                                         response.error ? response.error->message : "no id"));
      continue;
    }
    auto at = places.find(
        response.split.empty() ? response.id : fmt::format("{}/{}", response.split, response.id));
    if (at == places.end() && !response.split.empty()) at = places.find(response.id);
    if (at == places.end()) {
      out.warnings.push_back(fmt::format("response in line {}: no question has the id {}",
                                         response.line, quoted(response.id)));
      continue;
    }
    const SgpResponse*& place = found[at->second];
    if (place != nullptr) {
      out.warnings.push_back(
          fmt::format("response in line {}: {} was answered in line {} already; the first counts",
                      response.line, quoted(response.id), place->line));
      continue;
    }
    place = &response;
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion& question = questions[i];
    if (question.error || found[i] == nullptr || !found[i]->text) {
      const SgpError reason = found[i] != nullptr && found[i]->error
                                  ? *found[i]->error
                                  : SgpError{ErrorCode::kInvalid, "there is no response to it"};
      out.records.push_back(sgp_error_record(question, options, reason));
    } else {
      out.records.push_back(score_sgp_response(question, options, *found[i]->text));
    }
  }
  return out;
}

}  // namespace lathe
