#include "sgp/json_row.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

// A text, or a number as it stands there.
std::string text_of(const JsonView& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_number() || value.is_bool()) return value.json().dump();
  value.fail_here("is neither a text nor a number");
}

std::vector<std::string> texts_of(const JsonView& array) {
  std::vector<std::string> out;
  for (const JsonView& item : array.items()) out.push_back(text_of(item));
  if (out.size() < 2 || out.size() > 26) array.fail_here("does not hold 2 to 26 options");
  return out;
}

// What `key` is, "options" for the array of them, or "".
std::string role_of(const std::string& key, const SgpColumnOption& names) {
  for (const auto& [role, name] : names.names) {
    if (name == key) return role;
  }
  const std::string lower = to_lower_ascii(key);
  if (lower == "options" || lower == "choices") return "options";
  std::string role = sgp_role(key);
  const bool taken = std::any_of(names.names.begin(), names.names.end(),
                                 [&](const auto& name) { return name.first == role; });
  return taken ? "" : role;
}

}  // namespace

void read_sgp_json_row(std::string_view line, const SgpColumnOption& names, SgpQuestion& question) {
  constexpr std::string_view kHere = "the row";
  const nlohmann::json document = parse_json(line, kHere);
  const JsonView row(document, kHere);
  if (!row.is_object()) row.fail_here("is no JSON object");
  std::vector<std::string> letters(26);
  std::size_t last = 0;
  bool has_question = false, has_answer = false;
  std::optional<std::int64_t> index;  // of the answer
  row.for_each([&](const std::string& key, const JsonView& value) {
    const std::string role = role_of(key, names);
    if (role.empty() || role == "-" || value.json().is_null()) return;
    if (role == "PID") {
      question.id = text_of(value);
    } else if (role == "Question") {
      question.question = text_of(value);
      has_question = true;
    } else if (role == "Answer") {
      if (value.is_integer()) index = value.as_int(-1);
      question.answer = text_of(value);
      has_answer = true;
    } else if (role == "Subject") {
      question.subject = text_of(value);
    } else if (role == "Split") {
      if (const std::string split = text_of(value); !split.empty()) question.split = split;
    } else if (role == "options") {
      question.options = texts_of(value);
    } else {
      const auto place = static_cast<std::size_t>(role[0] - 'A');
      letters[place] = text_of(value);
      last = std::max(last, place + 1);
    }
  });
  if (!has_question) row.fail_here("has no Question");
  if (!has_answer) row.fail_here("has no Answer");
  if (last > 0) {
    if (!question.options.empty()) row.fail_here("has options twice: as an array and as A, B, ...");
    letters.resize(last);
    question.options = std::move(letters);
    if (last == 1) row.fail_here("has a single option, A");
  }
  // Sets with an array of options count from 0 (MMLU as Hugging Face has it).
  if (index && !question.options.empty()) {
    const auto count = static_cast<std::int64_t>(question.options.size());
    if (*index < 0 || *index >= count) row.fail_here("has an answer that is none of its options");
    question.answer = std::string(1, static_cast<char>('A' + *index));
  }
}

}  // namespace lathe
