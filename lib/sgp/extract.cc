#include "lathe/sgp/extract.h"

#include <charconv>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"
#include "sgp/robust.h"

namespace lathe {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// What \s matches in Python's re for text: str.isspace().
bool is_python_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!c.valid || !is_python_space(c.code)) break;
    at += c.length;
  }
  return at;
}

// Where the literal `word` (lower case) ends if it stands at `at`, case ignored as Python does:
// U+017F, the long s, is an s.
std::size_t match_word(std::string_view text, std::size_t at, std::string_view word) {
  constexpr std::string_view kLongS = "\xc5\xbf";
  for (const char wanted : word) {
    if (wanted == 's' && text.substr(at).starts_with(kLongS)) {
      at += kLongS.size();
      continue;
    }
    if (at >= text.size() || to_lower_ascii(text[at]) != wanted) return kNone;
    ++at;
  }
  return at;
}

// Behind "answer\s*:" if that stands at `at`.
std::size_t match_head(std::string_view text, std::size_t at, std::string_view word) {
  const std::size_t end = match_word(text, at, word);
  if (end == kNone) return kNone;
  const std::size_t colon = skip_spaces(text, end);
  return colon < text.size() && text[colon] == ':' ? colon + 1 : kNone;
}

std::optional<std::string> find_letter(std::string_view text, std::string_view head,
                                       std::string_view letters) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t colon = match_head(text, at, head);
    if (colon == kNone) continue;
    const std::size_t letter = skip_spaces(text, colon);
    if (letter >= text.size()) continue;
    if (letters.find(to_upper_ascii(text[letter])) == kNone) continue;
    return std::string(1, text[letter]);
  }
  return std::nullopt;
}

// Without what people put around a number.
std::string bare(std::string_view text) {
  text = trim_ascii(text);
  while (!text.empty() && (text.front() == '$' || text.front() == '*')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '$' || text.back() == '*' || text.back() == '.')) {
    text.remove_suffix(1);
  }
  text = trim_ascii(text);
  constexpr std::string_view kBoxed = "\\boxed{";
  if (text.starts_with(kBoxed) && text.ends_with('}')) {
    text.remove_prefix(kBoxed.size());
    text.remove_suffix(1);
  }
  return std::string(trim_ascii(text));
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !(is_ascii_digit(text.back()) || text.back() == '.')) return std::nullopt;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

SgpVerdict verdict_on(const SgpQuestion& question, std::optional<std::string> said) {
  const bool right = said && (question.is_choice() ? *said == question.answer
                                                   : same_free_answer(*said, question.answer));
  return {.extracted = std::move(said), .score = right ? 1.0 : 0.0};
}

}  // namespace

std::optional<std::string> extract_letter(std::string_view response, std::string_view letters) {
  return find_letter(response, "answer", letters);
}

std::optional<std::string> extract_judged(std::string_view response, std::string_view letters) {
  return find_letter(response, "extracted answer", letters);
}

std::optional<std::string> extract_free(std::string_view response) {
  for (std::size_t at = 0; at < response.size(); ++at) {
    const std::size_t colon = match_head(response, at, "answer");
    if (colon == kNone) continue;
    std::size_t begin = skip_spaces(response, colon);
    if (begin == response.size()) {
      // The pattern gives spaces back until one is left that is no newline.
      std::size_t last = kNone;
      for (std::size_t i = colon; i < response.size();
           i += decode_utf8(response.substr(i)).length) {
        if (response[i] != '\n') last = i;
      }
      if (last == kNone) continue;
      begin = last;
    }
    const std::size_t end = response.find('\n', begin);
    return std::string(response.substr(begin, end == kNone ? kNone : end - begin));
  }
  return std::nullopt;
}

bool same_free_answer(std::string_view a, std::string_view b) {
  const std::string left = bare(a), right = bare(b);
  const auto x = number_of(left), y = number_of(right);
  if (x && y) return *x == *y;
  return left == right;
}

SgpVerdict score_reference(const SgpQuestion& question, std::string_view response) {
  return verdict_on(question, question.is_choice() ? extract_letter(response, question.letters())
                                                   : extract_free(response));
}

SgpVerdict score_robust(const SgpQuestion& question, std::string_view response) {
  return verdict_on(question, question.is_choice() ? read_stated_letter(response, question.options)
                                                   : read_stated_number(response));
}

}  // namespace lathe
