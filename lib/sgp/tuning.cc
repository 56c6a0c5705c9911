#include "lathe/sgp/tuning.h"

#include <fmt/format.h>

#include "lathe/sgp/prompts.h"

#include "base/json.h"

namespace lathe {
namespace {

struct Pair {
  std::string instruction, input, output;
};

// The text of the right option; the answer itself for free answers.
std::string answer_text(const SgpQuestion& q) {
  if (!q.is_choice()) return q.answer;
  const std::size_t i = q.answer.size() == 1 ? static_cast<std::size_t>(q.answer[0] - 'A') : 99;
  return i < q.options.size() ? q.options[i] : q.answer;
}

Pair pair_of(const SgpQuestion& q, bool open) {
  if (!open) {
    return {sgp_user_message(q), "",
            q.is_choice() ? fmt::format("{}\nAnswer: {}", answer_text(q), q.answer)
                          : fmt::format("Answer: {}", q.answer)};
  }
  const SgpParts parts = split_sgp_question(q.question);
  std::string instruction;
  if (!parts.preamble.empty()) instruction = fmt::format("{}\n\n", parts.preamble);
  if (!parts.hint.empty()) instruction += fmt::format("{}\n\n", parts.hint);
  instruction += parts.question;
  return {std::move(instruction), std::string(parts.program), answer_text(q)};
}

std::string alpaca(const Pair& p) {
  return fmt::format("{{\"instruction\":{},\"input\":{},\"output\":{}}}", json_quote(p.instruction),
                     json_quote(p.input), json_quote(p.output));
}

std::string message(std::string_view role, std::string_view text) {
  return fmt::format("{{\"role\":\"{}\",\"content\":{}}}", role, json_quote(text));
}

std::string chat(const Pair& p, const std::string& system) {
  std::string out = "{\"messages\":[";
  if (!system.empty()) out += message("system", system) + ',';
  out += message("user",
                 p.input.empty() ? p.instruction : fmt::format("{}\n\n{}", p.instruction, p.input));
  return out + ',' + message("assistant", p.output) + "]}";
}

}  // namespace

std::string sgp_tuning_records(const SgpQuestions& questions, const SgpTuningOptions& options) {
  const bool array = options.form == SgpTuningForm::kAlpaca;
  std::string out = array ? "[" : "";
  bool first = true;
  for (const SgpQuestion& q : questions) {
    if (q.error) continue;
    const Pair pair = pair_of(q, options.open);
    if (array) out += first ? "\n" : ",\n";
    out += options.form == SgpTuningForm::kChat ? chat(pair, options.system) : alpaca(pair);
    if (!array) out += '\n';
    first = false;
  }
  if (array) out += "\n]\n";
  return out;
}

}  // namespace lathe
