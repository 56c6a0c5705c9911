#include "lathe/answer_check.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "lathe/error.h"
#include "lathe/host/json_text.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "generate/ask_judge.h"

namespace lathe {
namespace {

constexpr JsonLimits kAnswerLimits = {.max_bytes = std::size_t{1} << 20, .max_depth = 20};
constexpr std::size_t kMostAllowed = 4096;

CheckVerdict::Kind kind_of(const JsonView& verdict) {
  const std::string name = verdict.as_string();
  if (name == "ok") return CheckVerdict::Kind::kAccepted;
  if (name == "open") return CheckVerdict::Kind::kOpen;
  if (name == "wrong") return CheckVerdict::Kind::kWrong;
  verdict.fail_here("is " + quoted(name) + "; it should be \"ok\", \"open\" or \"wrong\"");
}

}  // namespace

AnswerJudge::~AnswerJudge() = default;

CheckVerdict ask_judge(AnswerJudge& judge, const CheckedText& text,
                       const std::atomic<bool>& given_up) {
  try {
    return judge.judge(text, given_up);
  } catch (const std::exception& error) {
    return {.kind = CheckVerdict::Kind::kBroken, .message = error.what()};
  }
}

std::string check_question(std::uint64_t id, const CheckedText& text) {
  const nlohmann::ordered_json question = {
      {"id", id}, {"text", text.text}, {"complete", text.complete}};
  return json_text(question) + "\n";
}

CheckVerdict read_check_answer(std::string_view line, std::uint64_t id) {
  const std::string place = "the check server's answer";
  const nlohmann::json document = parse_json(line, place, kAnswerLimits);
  const JsonView root(document, place);
  if (!root.is_object()) root.fail_here("is no JSON object");
  const JsonView own_id = root.at("id");
  if (!own_id.is_integer() || own_id.json() != id) {
    own_id.fail_here(fmt::format("is not {}, which was asked", id));
  }
  CheckVerdict verdict;
  verdict.kind = kind_of(root.at("verdict"));
  if (const auto at = root.find("at")) {
    verdict.at = static_cast<std::size_t>(at->as_int(0, std::int64_t{1} << 40));
  }
  if (const auto allowed = root.find("allowed")) {
    if (!verdict.at) allowed->fail_here("needs \"at\": where they are allowed");
    if (allowed->size() > kMostAllowed) allowed->fail_here("has more than 4096 texts");
    for (const JsonView& text : allowed->items()) {
      if (!text.as_string().empty()) verdict.allowed.push_back(text.as_string());
    }
  }
  verdict.message = root.get_string("message").value_or("");
  return verdict;
}

}  // namespace lathe
