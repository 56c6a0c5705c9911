#include "sgp/row_check.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/utf8.h"

namespace lathe {
namespace {

constexpr const char* kNoUtf8 = "not UTF-8";
// Of the benchmark's questions.
constexpr std::size_t kOptions = 4;

void settle_options(SgpQuestion& q) {
  std::vector<std::string>& options = q.options;
  // The option that is the answer, and all before it, are there.
  const bool letter = q.answer.size() == 1 && q.answer[0] >= 'A' && q.answer[0] <= 'Z';
  const std::size_t least =
      std::max<std::size_t>(2, letter ? static_cast<std::size_t>(q.answer[0] - 'A') + 1 : 0);
  std::size_t last = options.size();
  while (last > 0 && options[last - 1].empty()) --last;
  const bool only_one_of_four = options.size() == kOptions && last + 1 == kOptions;
  if (!only_one_of_four && last < options.size()) {
    options.resize(std::min(options.size(), std::max(last, least)));
  }
  for (std::string& option : options) {
    if (option.empty()) option = "None";
  }
}

}  // namespace

std::string sgp_row_fault(SgpQuestion& q) {
  for (const std::string* text : {&q.id, &q.split, &q.subject, &q.question, &q.answer}) {
    if (!is_valid_utf8(*text)) return kNoUtf8;
  }
  if (trim_ascii(q.question).empty()) return "the question is empty";
  if (q.options.empty()) return trim_ascii(q.answer).empty() ? "the answer is empty" : "";
  const bool some = std::any_of(q.options.begin(), q.options.end(),
                                [](const std::string& option) { return !option.empty(); });
  if (!some) return "all options are empty";
  settle_options(q);
  for (const std::string& option : q.options) {
    if (!is_valid_utf8(option)) return kNoUtf8;
  }
  const auto last = static_cast<char>('A' + q.options.size() - 1);
  if (q.answer.size() != 1 || q.answer[0] < 'A' || q.answer[0] > last) {
    return fmt::format("the answer {} is none of the letters A to {}", quoted(q.answer), last);
  }
  return "";
}

}  // namespace lathe
