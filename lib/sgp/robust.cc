#include "sgp/robust.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/utf8.h"

namespace lathe {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool is_word_char(char c) noexcept {
  return is_ascii_letter(c) || is_ascii_digit(c) || c == '\'' ||
         static_cast<unsigned char>(c) >= 0x80;
}

void drop_all(std::string& text, std::string_view what) {
  for (std::size_t at = text.find(what); at != kNone; at = text.find(what, at)) {
    text.erase(at, what.size());
  }
}

// The ASCII sign that a person reads in a typographic or full-width one, ' ' for a space that is
// no ASCII one; NUL for any other character.
char read_as(char32_t c) noexcept {
  if (c >= 0xff01 && c <= 0xff5e) return static_cast<char>(c - 0xff01 + U'!');  // full width
  if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000) {
    return ' ';
  }
  if (c == 0x201c || c == 0x201d) return '"';
  if (c == 0x2018 || c == 0x2019) return '\'';
  if (c == 0x2236 || c == 0xfe55) return ':';  // a ratio's, a small one
  return '\0';
}

std::string in_ascii_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const char mark = c.valid && c.length > 1 ? read_as(c.code) : '\0';
    if (mark != '\0') {
      out += mark;
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
  return out;
}

// Without emphasis. "\boxed{B}" becomes " answer: B ", since that is what it says.
std::string plain(std::string_view written) {
  const std::string read = in_ascii_marks(written);
  const std::string_view response = read;
  std::string text;
  for (std::size_t i = 0; i < response.size(); ++i) {
    constexpr std::string_view kBoxed = "\\boxed{";
    if (response.substr(i).starts_with(kBoxed)) {
      const std::size_t end = response.find('}', i);
      if (end != kNone && response.find('\n', i) > end) {
        text += " answer: ";
        text += response.substr(i + kBoxed.size(), end - i - kBoxed.size());
        text += ' ';
        i = end;
        continue;
      }
    }
    const char c = response[i];
    if (c == '*' || c == '`' || c == '$' || c == '_' || c == '#') continue;
    text += c;
  }
  for (const std::string_view mark :
       {"\\text{", "\\textbf{", "\\mathrm{", "\\(", "\\)", "\\[", "\\]"}) {
    drop_all(text, mark);
  }
  return text;
}

std::string_view trim_marks(std::string_view text) {
  constexpr std::string_view kMarks = " \t\r\n\"'()[]{}.,;:!?<>";
  const std::size_t begin = text.find_first_not_of(kMarks);
  if (begin == kNone) return {};
  return text.substr(begin, text.find_last_not_of(kMarks) + 1 - begin);
}

// Lower case, spaces and outer marks apart: how an option's text is recognised.
std::string folded(std::string_view text) {
  const std::string read = in_ascii_marks(text);
  std::string out;
  for (const char c : trim_marks(read)) {
    const char lower = to_lower_ascii(c);
    if (is_ascii_space(c)) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (lower != '*' && lower != '_' && lower != '`' && lower != '$') {
      out += lower;
    }
  }
  return out;
}

std::optional<std::string> option_called(std::string_view text,
                                         std::span<const std::string> options) {
  const std::string wanted = folded(text);
  if (wanted.empty()) return std::nullopt;
  std::optional<std::string> found;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (folded(options[i]) != wanted) continue;
    if (found) return std::nullopt;  // two options read alike
    found = std::string(1, static_cast<char>('A' + i));
  }
  return found;
}

// The letter that stands alone at the beginning of `text`, or nothing.
std::optional<std::string> leading_letter(std::string_view text,
                                          std::span<const std::string> options) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\"'([{<");
  if (begin == kNone || !is_ascii_letter(text[begin])) return std::nullopt;
  const char letter = to_upper_ascii(text[begin]);
  const auto place = static_cast<std::size_t>(letter - 'A');
  if (place >= options.size()) return std::nullopt;
  const std::string_view after = text.substr(begin + 1);
  if (!after.empty() && is_word_char(after.front())) return std::nullopt;
  // "a circle", "A red door": an article, unless its option follows. "B red" is a letter.
  const bool phrase = after.size() > 1 && after[0] == ' ' && is_word_char(after[1]);
  const bool small = text[begin] != letter;
  if (phrase && (small || letter == 'A') && folded(after) != folded(options[place])) {
    return std::nullopt;
  }
  return std::string(1, letter);
}

std::string_view line_at(std::string_view text, std::size_t at) {
  return text.substr(at, std::min(text.find('\n', at), text.size()) - at);
}

std::size_t skip_any(std::string_view text, std::size_t at, std::string_view what) {
  while (at < text.size() && what.find(text[at]) != kNone) ++at;
  return at;
}

bool word_at(std::string_view lower, std::size_t at, std::string_view word) {
  return lower.substr(at).starts_with(word) &&
         (at + word.size() == lower.size() || !is_word_char(lower[at + word.size()])) &&
         (at == 0 || !is_word_char(lower[at - 1]));
}

// Where a statement that begins with the keyword at `at` has its answer, or kNone.
std::size_t statement(std::string_view lower, std::size_t at) {
  constexpr std::string_view kSpaces = " \t";
  constexpr std::array<std::string_view, 5> kKeys = {"answer", "option", "choice", "answers",
                                                     "letter"};
  const auto key = std::find_if(kKeys.begin(), kKeys.end(),
                                [&](std::string_view word) { return word_at(lower, at, word); });
  if (key == kKeys.end()) return kNone;
  std::size_t next = skip_any(lower, at + key->size(), kSpaces);
  constexpr std::array<std::string_view, 11> kFillers = {
      "is", "be", "to", "the", "this", "question", "should", "must", "would", "therefore", "thus"};
  bool said = false;
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view filler : kFillers) {
      if (!word_at(lower, next, filler)) continue;
      said = said || filler == "is" || filler == "be";
      next = skip_any(lower, next + filler.size(), kSpaces);
      more = true;
    }
    if (next < lower.size() && (lower[next] == ':' || lower[next] == '=')) {
      said = more = true;
      next = skip_any(lower, next + 1, " \t\r\n");
    }
  }
  if (!said) return kNone;
  // "Answer: option B", "is choice (c)"
  for (const std::string_view word : {"option", "choice", "letter"}) {
    if (word_at(lower, next, word)) next = skip_any(lower, next + word.size(), " \t:");
  }
  return next;
}

// What `read` makes of the rest of the line behind each statement: the last that it could read.
template <typename Read>
std::optional<std::string> last_statement(std::string_view text, Read read) {
  const std::string lower = to_lower_ascii(text);
  std::optional<std::string> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t place = statement(lower, at);
    if (place == kNone) continue;
    if (auto here = read(line_at(text, place))) found = std::move(here);
  }
  return found;
}

// The last line that isn't blank; empty where all are.
std::string_view last_line(std::string_view text) {
  text = trim_ascii(text);
  return text.substr(text.rfind('\n') + 1);  // npos + 1 is the beginning
}

// "B", "(b)", "B.": a line that is nothing but a letter.
std::optional<std::string> lone_letter(std::string_view line,
                                       std::span<const std::string> options) {
  const std::string_view bare = trim_marks(line);
  if (bare.size() != 1 || !is_ascii_letter(bare[0])) return std::nullopt;
  const char letter = to_upper_ascii(bare[0]);
  if (static_cast<std::size_t>(letter - 'A') >= options.size()) return std::nullopt;
  return std::string(1, letter);
}

// The letter of a line that is a letter and its option, "B) a red door". `alone`: it is all of the
// response; then other words may follow the letter's mark, if they are no other option.
std::optional<std::string> marked_line(std::string_view line, std::span<const std::string> options,
                                       bool alone) {
  const std::string_view bare = trim_marks(line);
  if (bare.size() < 2 || !is_ascii_letter(bare[0])) return std::nullopt;
  if (bare[1] != ')' && bare[1] != '.' && bare[1] != ':') return std::nullopt;
  const char letter = to_upper_ascii(bare[0]);
  const auto place = static_cast<std::size_t>(letter - 'A');
  if (place >= options.size()) return std::nullopt;
  const std::string_view words = bare.substr(2);
  const bool own = folded(words) == folded(options[place]);
  const bool spaced = !words.empty() && is_ascii_space(words.front());
  if (!own && !(alone && spaced && !option_called(words, options))) return std::nullopt;
  return std::string(1, letter);
}

// What such lines say together: the last line's letter, or the only one that they name. A last
// line right behind another one is the end of all options said again, and no answer.
std::optional<std::string> marked_lines(std::string_view text,
                                        std::span<const std::string> options) {
  std::vector<std::optional<std::string>> lines;  // those that are not blank
  const std::size_t whole = trim_ascii(text).size();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t size = trim_ascii(line).size();
    if (size > 0) lines.push_back(marked_line(line, options, size == whole));
  }
  const std::size_t n = lines.size();
  if (n > 0 && lines[n - 1] && (n == 1 || !lines[n - 2])) return lines[n - 1];
  std::optional<std::string> found;
  for (const auto& letter : lines) {
    if (letter && found && *found != *letter) return std::nullopt;
    if (letter) found = letter;
  }
  return found;
}

}  // namespace

std::optional<std::string> read_stated_letter(std::string_view response,
                                              std::span<const std::string> options) {
  const std::string text = plain(response);
  const auto read = [&](std::string_view line) {
    auto option = option_called(line, options);
    return option ? option : leading_letter(line, options);
  };
  if (auto stated = last_statement(text, read)) return stated;

  const std::string_view line = last_line(text);
  if (auto option = option_called(line, options)) return option;
  if (auto letter = lone_letter(line, options)) return letter;
  return marked_lines(text, options);
}

std::optional<std::string> read_stated_number(std::string_view response) {
  const std::string text = plain(response);
  const auto read = [](std::string_view line) {
    const std::string_view rest = trim_marks(line);
    return rest.empty() ? std::nullopt : std::optional(std::string(rest));
  };
  if (auto stated = last_statement(text, read)) return stated;

  const std::string_view bare = trim_marks(last_line(text));
  const bool number = !bare.empty() && bare.find_first_not_of("0123456789.+-") == kNone;
  return number ? std::optional(std::string(bare)) : std::nullopt;
}

}  // namespace lathe
