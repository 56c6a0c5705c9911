#include "generate/text_boundaries.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_white(char32_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool ends_sentence(char32_t c) { return c == '.' || c == '!' || c == '?' || c == 0x2026; }

// Behind these no white space is needed.
bool ends_wide_sentence(char32_t c) { return c == 0x3002 || c == 0xff01 || c == 0xff1f; }

bool closes(char32_t c) {
  constexpr std::u32string_view kClosing = U"\"')]}\u2019\u201d\u00bb\u203a\u300d\u300f";
  return kClosing.find(c) != std::u32string_view::npos;
}

}  // namespace

CheckPlaces check_places(const std::string& text) {
  using Kind = CheckPlaces::Kind;
  constexpr std::pair<std::string_view, Kind> kNames[] = {{"line", Kind::kLine},
                                                          {"sentence", Kind::kSentence},
                                                          {"statement", Kind::kStatement},
                                                          {"end", Kind::kEnd}};
  for (const auto& [name, kind] : kNames) {
    if (text == name) return {kind, {}};
  }
  if (std::all_of(text.begin(), text.end(), is_letter)) {
    fail(ErrorCode::kUsage,
         "{} is no place to check at: line, sentence, statement and end are, and regular "
         "expressions (for a word: ({}))",
         quoted(text), text.empty() ? "word" : text);
  }
  const CheckPlaces places{Kind::kRegex, text};
  const TextBoundaries tried(places);
  return places;
}

TextBoundaries::TextBoundaries(const CheckPlaces& places) : kind_(places.kind) {
  if (kind_ != CheckPlaces::Kind::kRegex) return;
  regex_.emplace(places.regex, "the expression of boundaries");
  scratch_.emplace();
}

void TextBoundaries::clear() {
  seen_ = end_ = 0;
  open_ = 0;
  quote_ = 0;
  escaped_ = false;
  before_ = '\n';
}

std::optional<std::size_t> TextBoundaries::follow(std::string_view text) {
  std::optional<std::size_t> found;
  switch (kind_) {
    case CheckPlaces::Kind::kLine:
      found = lines(text);
      break;
    case CheckPlaces::Kind::kSentence:
      found = sentences(text);
      break;
    case CheckPlaces::Kind::kStatement:
      found = statements(text);
      break;
    case CheckPlaces::Kind::kEnd:
      break;
    case CheckPlaces::Kind::kRegex:
      return matches(text);
  }
  seen_ = text.size();
  return found;
}

std::optional<std::size_t> TextBoundaries::lines(std::string_view text) const {
  const std::size_t last = text.rfind('\n');
  if (last == std::string_view::npos || last < seen_) return std::nullopt;
  return last + 1;
}

std::optional<std::size_t> TextBoundaries::sentences(std::string_view text) {
  std::optional<std::size_t> found;
  for (std::size_t i = seen_; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    const std::size_t next = i + c.length;
    if (c.code == '\n' && i > 0 && text[i - 1] == '\n') found = next;
    if (end_ > 0 && is_white(c.code)) found = std::max(found.value_or(0), end_);
    if (ends_wide_sentence(c.code)) found = next;
    const bool may_end = ends_sentence(c.code) || (end_ > 0 && closes(c.code));
    end_ = may_end ? next : 0;
    i = next;
  }
  return found;
}

std::optional<std::size_t> TextBoundaries::statements(std::string_view text) {
  std::optional<std::size_t> found;
  for (std::size_t i = seen_; i < text.size(); ++i) {
    const char c = text[i];
    const char before = std::exchange(before_, c);
    if (std::exchange(escaped_, false) && c != '\n') continue;
    // A quotation that a line's end did not close was an apostrophe.
    if (c == '\n' && quote_ != '`') quote_ = 0;
    if (quote_ != 0) {
      escaped_ = c == '\\';
      if (c == quote_) quote_ = 0;
      continue;
    }
    const bool in_word = is_letter(before) || (before >= '0' && before <= '9');
    if (c == '"' || c == '`' || (c == '\'' && !in_word)) quote_ = c;
    if (c == '(' || c == '[' || c == '{') ++open_;
    if (c == ')' || c == ']' || c == '}') open_ = std::max(0, open_ - 1);
    if (open_ == 0 && (c == '\n' || c == ';' || c == '}')) found = i + 1;
  }
  return found;
}

std::optional<std::size_t> TextBoundaries::matches(std::string_view text) {
  std::optional<std::size_t> found;
  scratch_->begin_text();
  Regex::Match match;
  // One more character, which is not looked at: a match that might go on there is looked at again
  // when it has.
  const std::string more = std::string(text) + '\n';
  while (seen_ < text.size() &&
         regex_->find_before(text.size(), more, seen_, *scratch_, match) == Regex::Found::kYes) {
    if (match.end > match.begin) found = match.end;
    std::size_t next = match.end;
    if (match.end == match.begin) next += decode_utf8(text.substr(match.end)).length;
    if (next == seen_) break;
    seen_ = next;
  }
  return found;
}

}  // namespace lathe
