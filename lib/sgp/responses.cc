#include "lathe/sgp/responses.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/sgp/dataset.h"
#include "lathe/sgp/prompts.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "sgp/input.h"
#include "sgp/question_index.h"
#include "sgp/record_parts.h"

namespace lathe {
namespace {

std::string id_text(const JsonView& value) {
  return value.is_string() ? value.as_string() : value.json().dump();
}

// choices[0].message.content of a batch's response.
std::string batch_text(const JsonView& response) {
  const JsonView choice = response.at("body").at("choices").at(std::size_t{0});
  return choice.at("message").at("content").as_string();
}

Failure error_of(const JsonView& value) {
  Failure error;
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
  const auto response = view.find("response");
  const auto text = view.find("text");
  if (const auto error = view.find("error"); error && !response && !text) {
    out.error = error_of(*error);
  } else if (response) {
    out.text = response->is_object() ? batch_text(*response) : response->as_string();
  } else if (text) {
    out.text = text->as_string();
  } else if (const auto logprobs = view.find("logprob")) {
    out.logprobs = sgp_logprobs_of(*logprobs);
  } else {
    view.fail_here("has neither a response nor an error");
  }
  out.id = id_text(*id);
  // Other programs' lines may hold anything under these names.
  for (const auto& [key, value] :
       {std::pair{"split", &out.split}, std::pair{"subject", &out.subject},
        std::pair{"prompt", &out.prompt}}) {
    if (const auto found = view.find(key); found && found->is_string()) *value = found->as_string();
  }
}

// Which response belongs to which question.
class Matcher {
 public:
  Matcher(const SgpQuestions& questions, const SgpRunOptions& options)
      : questions_(questions), options_(options), index_(questions) {}

  // For each question its response, or null; `warnings` gets what belongs to none.
  std::vector<const SgpResponse*> match(std::span<const SgpResponse> responses,
                                        std::vector<std::string>& warnings) const {
    std::vector<const SgpResponse*> found(questions_.size());
    for (const SgpResponse& response : responses) {
      const auto warn = [&](const std::string& what) {
        warnings.push_back(fmt::format("response in line {}: {}", response.line, what));
      };
      if (response.id.empty()) {
        warn(response.error ? response.error->message : "no id");
        continue;
      }
      const std::vector<std::size_t> places = places_of(response);
      if (places.empty()) {
        warn(fmt::format("no question has the id {}", quoted(response.id)));
        continue;
      }
      if (!are_alike(places)) {
        warn(
            fmt::format("{} questions have the id {}: put split and subject beside it, or take the "
                        "ids that --emit-prompts writes",
                        places.size(), quoted(response.id)));
        continue;
      }
      // Of questions with the same names each takes a response, in order.
      const auto open = std::find_if(places.begin(), places.end(),
                                     [&](std::size_t i) { return found[i] == nullptr; });
      if (open == places.end()) {
        warn(fmt::format("{} was answered in line {} already; the first counts",
                         quoted(response.id), found[places.front()]->line));
        continue;
      }
      found[*open] = &response;
    }
    return found;
  }

 private:
  std::vector<std::size_t> places_of(const SgpResponse& response) const {
    std::vector<std::size_t> places = index_.find(response.id, response.split, response.subject);
    if (places.empty()) places = index_.find_name(response.id);
    // The split may be called otherwise there.
    if (places.empty()) places = index_.find(response.id, "", "");
    if (places.size() > 1 && !response.prompt.empty()) {
      for (const std::size_t place : places) {
        const SgpQuestion q = questions_[place];
        if (sgp_prompt_hash(sgp_messages(q, options_.system)) == response.prompt) return {place};
      }
    }
    return places;
  }

  bool are_alike(const std::vector<std::size_t>& places) const {
    const SgpQuestion first = questions_[places.front()];
    return std::all_of(places.begin() + 1, places.end(), [&](std::size_t place) {
      const SgpQuestion q = questions_[place];
      return q.split == first.split && q.subject == first.subject && q.id == first.id;
    });
  }

  const SgpQuestions& questions_;
  const SgpRunOptions& options_;
  SgpQuestionIndex index_;
};

}  // namespace

std::vector<std::string> sgp_prompt_ids(const SgpQuestions& questions) {
  const SgpQuestionIndex index(questions);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    ids.push_back(index.prompt_id(i, questions[i]));
  }
  return ids;
}

std::string sgp_prompt_line(const std::string& id, const SgpQuestion& question,
                            const SgpRunOptions& options) {
  std::string messages;
  for (const ChatMessage& message : sgp_messages(question, options.system)) {
    if (!messages.empty()) messages += ',';
    messages += fmt::format(R"({{"role":{},"content":{}}})", json_quote(message.role),
                            json_quote(message.content));
  }
  return fmt::format(R"({{"id":{},"messages":[{}],"max_tokens":{},"temperature":0}})",
                     json_quote(id), messages, options.max_tokens);
}

std::int64_t write_sgp_prompts(const SgpQuestions& questions, const SgpRunOptions& options,
                               const std::function<void(std::string_view)>& sink,
                               const std::function<void(const Failure&)>& on_bad_row) {
  const SgpQuestionIndex index(questions);
  std::int64_t bad = 0;
  for (const std::size_t place : sgp_order(questions)) {
    const SgpQuestion question = questions[place];
    if (question.error) {
      ++bad;
      on_bad_row(*question.error);
    } else {
      sink(sgp_prompt_line(index.prompt_id(place, question), question, options) + '\n');
    }
  }
  return bad;
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
      response = {};
      response.error = Failure{error.code(), error.message()};
      response.line = number;
    }
    responses.push_back(std::move(response));
  }
  return responses;
}

SgpScored score_sgp_responses(const SgpQuestions& questions, std::span<const SgpResponse> responses,
                              const SgpRunOptions& options) {
  SgpScored out;
  const std::vector<const SgpResponse*> found =
      Matcher(questions, options).match(responses, out.warnings);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion question = questions[i];
    const SgpResponse* response = found[i];
    if (!question.error && response != nullptr && response->logprobs) {
      out.records.push_back(score_sgp_logprobs(question, options, *response->logprobs));
    } else if (question.error || response == nullptr || !response->text) {
      const Failure reason = response != nullptr && response->error
                                 ? *response->error
                                 : Failure{ErrorCode::kInvalid, "there is no response to it"};
      out.records.push_back(sgp_error_record(question, options, reason));
    } else {
      out.records.push_back(score_sgp_response(question, options, *response->text));
    }
  }
  return out;
}

}  // namespace lathe
