#include "sgp/json_row.h"

#include <algorithm>
#include <fmt/format.h>
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

constexpr std::size_t kMaxOptions = 26;

// An array says how many options there are: what is null or empty in it is the option "None".
std::vector<std::string> options_in_array(const JsonView& array) {
  std::vector<std::string> out;
  for (const JsonView& item : array.items()) {
    out.push_back(item.json().is_null() ? "" : text_of(item));
    if (out.back().empty()) out.back() = "None";
  }
  if (out.size() < 2 || out.size() > kMaxOptions) array.fail_here("does not hold 2 to 26 options");
  return out;
}

// Options by letter, in whatever order; null is an empty one.
class LetteredOptions {
 public:
  void add(char letter, const JsonView& value) {
    const auto place = static_cast<std::size_t>(letter - 'A');
    count_ = std::max(count_, place + 1);
    texts_.resize(std::max(texts_.size(), count_));
    given_.resize(texts_.size());
    given_[place] = true;
    if (value.json().is_null()) return;
    texts_[place] = text_of(value);
    some_ = true;
  }
  // Also where all are null, as a table of several sets has them for free answers.
  bool empty() const noexcept { return !some_; }
  std::vector<std::string> take(const JsonView& where) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (given_[i]) continue;
      where.fail_here(fmt::format("has an option {} but no {}", static_cast<char>('A' + count_ - 1),
                                  static_cast<char>('A' + i)));
    }
    if (count_ == 1) where.fail_here("has a single option, A");
    return std::move(texts_);
  }

 private:
  std::vector<std::string> texts_;
  std::vector<bool> given_;
  std::size_t count_ = 0;
  bool some_ = false;
};

std::vector<std::string> options_in_object(const JsonView& object) {
  LetteredOptions options;
  object.for_each([&](const std::string& key, const JsonView& value) {
    if (key.size() != 1 || !is_ascii_letter(key[0])) value.fail_here("is called by no letter");
    options.add(to_upper_ascii(key[0]), value);
  });
  if (options.empty()) object.fail_here("holds no options");
  return options.take(object);
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
  LetteredOptions letters;
  bool has_question = false, has_answer = false;
  std::optional<std::int64_t> index;  // of the answer
  row.for_each([&](const std::string& key, const JsonView& value) {
    const std::string role = role_of(key, names);
    if (role.empty() || role == "-") return;
    if (role.size() == 1) {
      letters.add(role[0], value);
    } else if (value.json().is_null()) {
      return;
    } else if (role == "PID") {
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
      question.options = value.is_object() ? options_in_object(value) : options_in_array(value);
    }
  });
  if (!has_question) row.fail_here("has no Question");
  if (!has_answer) row.fail_here("has no Answer");
  if (!letters.empty()) {
    if (!question.options.empty()) {
      row.fail_here("has options twice: under one name, and as A, B, ...");
    }
    question.options = letters.take(row);
  }
  // Sets with an array of options count from 0 (MMLU as Hugging Face has it).
  if (index && !question.options.empty()) {
    const auto count = static_cast<std::int64_t>(question.options.size());
    if (*index < 0 || *index >= count) row.fail_here("has an answer that is none of its options");
    question.answer = std::string(1, static_cast<char>('A' + *index));
  }
}

}  // namespace lathe
