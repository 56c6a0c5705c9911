// Where a question's text has its program, its hint and its question.
#include "lathe/sgp/question.h"

#include "base/ascii.h"

namespace lathe {
namespace {

using Language = SgpParts::Language;

constexpr std::string_view kBlank = "\n\n";

constexpr std::string_view kQuestion = "Question:";

// The last kQuestion at the beginning of a line, or npos.
std::size_t find_question(std::string_view text) {
  for (std::size_t at = text.rfind(kQuestion); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind(kQuestion, at - 1)) {
    if (at == 0 || text[at - 1] == '\n') return at;
  }
  return std::string_view::npos;
}

Language language_of(std::string_view preamble, std::string_view program) {
  if (program.find("<svg") != std::string_view::npos) return Language::kSvg;
  if (preamble.find("CAD") == std::string_view::npos) return Language::kNone;
  const bool numbered = !program.empty() && is_ascii_digit(program.front());
  return numbered ? Language::kSketch : Language::kCad;
}

}  // namespace

SgpParts split_sgp_question(std::string_view text) {
  SgpParts parts;
  const std::size_t question = find_question(text);
  parts.question = trim_ascii(
      question == std::string_view::npos ? text : text.substr(question + kQuestion.size()));
  std::string_view rest = text.substr(0, question == std::string_view::npos ? 0 : question);

  if (rest.starts_with("Examine the following")) {
    const std::size_t end = rest.find(kBlank);
    parts.preamble = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  if (const std::size_t hint = rest.find("\nHint:"); hint != std::string_view::npos) {
    parts.hint = trim_ascii(rest.substr(hint));
    rest = rest.substr(0, hint);
  }
  parts.program = trim_ascii(rest);
  parts.language = language_of(parts.preamble, parts.program);
  if (parts.language == Language::kNone) {
    // Another set's question: perhaps a picture stands somewhere in it.
    const std::size_t begin = text.find("<svg");
    constexpr std::string_view kEnd = "</svg>";
    const std::size_t end = text.rfind(kEnd);
    parts.program = {};
    if (begin != std::string_view::npos && end != std::string_view::npos && begin < end) {
      parts.language = Language::kSvg;
      parts.program = text.substr(begin, end + kEnd.size() - begin);
    }
  }
  return parts;
}

}  // namespace lathe
