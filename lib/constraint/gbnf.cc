#include "constraint/gbnf.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

constexpr int kMaxNesting = 200;
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

bool is_name_char(char c) noexcept {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_';
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Rules run() {
    if (text_.size() > kMaxBytes) {
      fail(ErrorCode::kLimit, "{}: a grammar of {} bytes is larger than the limit of {}",
           quoted(file_), text_.size(), kMaxBytes);
    }
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    for (pass_space(true); at_ < text_.size(); pass_space(true)) rule();
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      if (uses_[i].defined) continue;
      at_ = uses_[i].first_use;
      refuse(fmt::format("the rule {} is used and not defined",
                         quoted(rules_.name(static_cast<RuleId>(i)))));
    }
    const auto root = ids_.find("root");
    if (root == ids_.end()) {
      fail_invalid("{}: the grammar has no rule named root, with which a text begins",
                   quoted(file_));
    }
    rules_.set_root(root->second);
    return std::move(rules_);
  }

 private:
  struct Use {
    bool defined = false;
    std::size_t first_use = 0;  // where
  };

  [[noreturn]] void refuse(std::string_view what, ErrorCode code = ErrorCode::kInvalid) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
    std::size_t column = 1;
    for (std::size_t i = start; i < at_; ++column) i += decode_utf8(text_.substr(i)).length;
    fail(code, "{}: line {}, column {}: {}", quoted(file_), line, column, what);
  }

  std::string_view rest() const noexcept { return text_.substr(at_); }
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  void pass_space(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else if (c == ' ' || c == '\t' || (lines && (c == '\r' || c == '\n'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    if (at_ == begin) {
      refuse(at_ == text_.size()
                 ? "the grammar ends where a rule's name should stand"
                 : fmt::format("a rule's name should stand here, not {}",
                               quoted(rest().substr(0, decode_utf8(rest()).length))));
    }
    return text_.substr(begin, at_ - begin);
  }

  RuleId rule_of(std::string_view name, std::size_t where) {
    const auto at = ids_.find(std::string(name));
    if (at != ids_.end()) return at->second;
    const RuleId id = rules_.add(std::string(name));
    ids_.emplace(name, id);
    uses_.push_back({false, where});
    return id;
  }

  void rule() {
    const std::size_t begin = at_;
    const RuleId id = rule_of(name(), begin);
    if (uses_[id].defined) {
      at_ = begin;
      refuse(fmt::format("the rule {} is defined twice", quoted(rules_.name(id))));
    }
    uses_[id].defined = true;
    pass_space(false);
    if (!rest().starts_with("::=")) refuse("::= should stand here, behind the name of a rule");
    at_ += 3;
    pass_space(true);
    rules_.define(id, alternatives(0));
    if (at_ < text_.size() && peek() != '\r' && peek() != '\n') {
      refuse(peek() == ')' ? "this ) closes nothing"
                           : fmt::format("the rule {} should end here", quoted(rules_.name(id))));
    }
  }

  NodeId alternatives(int depth) {
    if (depth > kMaxNesting) {
      refuse(fmt::format("groups are nested more than {} levels deep", kMaxNesting),
             ErrorCode::kLimit);
    }
    std::vector<NodeId> parts{sequence(depth)};
    for (;;) {
      if (depth == 0) pass_to_bar();
      if (peek() != '|') break;
      ++at_;
      pass_space(true);
      parts.push_back(sequence(depth));
    }
    return rules_.choice(parts);
  }

  // Over line ends, where the next line goes on with another alternative.
  void pass_to_bar() {
    const std::size_t here = at_;
    pass_space(true);
    if (peek() != '|') at_ = here;
  }

  NodeId sequence(int depth) {
    std::vector<NodeId> parts;
    for (;;) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      if (c == '"') {
        parts.push_back(literal());
      } else if (c == '[') {
        parts.push_back(set());
      } else if (c == '.') {
        ++at_;
        parts.push_back(rules_.character(CharSet::all()));
      } else if (is_name_char(c)) {
        const std::size_t begin = at_;
        parts.push_back(rules_.rule(rule_of(name(), begin)));
      } else if (c == '(') {
        parts.push_back(group(depth));
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (parts.empty()) refuse(fmt::format("there is nothing in front of {} to repeat", c));
        parts.back() = repetition(parts.back());
      } else if (c == '<' || c == '!') {
        refuse("tokens by name or id are not supported: spell the text", ErrorCode::kUnsupported);
      } else {
        return rules_.sequence(parts);
      }
      pass_space(depth > 0);
    }
  }

  NodeId group(int depth) {
    const std::size_t begin = at_++;
    pass_space(true);
    const NodeId inner = alternatives(depth + 1);
    if (peek() != ')') {
      if (at_ < text_.size()) refuse(") should stand here, at the end of a group");
      at_ = begin;
      refuse("this group is not closed");
    }
    ++at_;
    return inner;
  }

  NodeId literal() {
    const std::size_t begin = at_++;
    std::string bytes;
    while (peek() != '"') {
      if (at_ >= text_.size() || peek() == '\n') {
        at_ = begin;
        refuse("this text has no closing quote on its line");
      }
      append_utf8(character(), bytes);
    }
    ++at_;
    return rules_.text(bytes);
  }

  NodeId set() {
    const std::size_t begin = at_++;
    const bool negated = peek() == '^';
    if (negated) ++at_;
    CharSet out;
    while (peek() != ']') {
      if (at_ >= text_.size()) {
        at_ = begin;
        refuse("this set is not closed");
      }
      const std::size_t here = at_;
      const char32_t first = character();
      char32_t last = first;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        last = character();
      }
      if (last < first) {
        at_ = here;
        refuse("this range ends before it begins");
      }
      out.add(first, last);
    }
    ++at_;
    return rules_.character(negated ? out.complement() : out);
  }

  char32_t character() {
    const Utf8Char c = decode_utf8(rest());
    if (!c.valid) refuse("the grammar is not UTF-8 here");
    at_ += c.length;
    if (c.code != '\\') return c.code;
    if (at_ >= text_.size()) refuse("the grammar ends in a backslash");
    const char kind = text_[at_++];
    switch (kind) {
      case 'x':
        return code(2);
      case 'u':
        return code(4);
      case 'U':
        return code(8);
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'n':
        return '\n';
      case '\\':
      case '"':
      case '[':
      case ']':
        return static_cast<unsigned char>(kind);
      default:
        at_ -= 2;
        refuse(
            fmt::format("{} is no escape: \\n, \\r, \\t, \\\\, \\\", \\[, \\], \\xHH, \\uHHHH "
                        "and \\UHHHHHHHH are",
                        quoted(rest().substr(0, 2))));
    }
  }

  char32_t code(int digits) {
    const std::size_t begin = at_ - 2;
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const char lower = static_cast<char>(c | 0x20);
      if (is_ascii_digit(c)) {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        at_ = begin;
        refuse(fmt::format("this escape needs {} hexadecimal digits", digits));
      }
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
      at_ = begin;
      refuse("this escape is no character");
    }
    return value;
  }

  std::uint32_t count() {
    std::uint64_t value = 0;
    const std::size_t begin = at_;
    for (; is_ascii_digit(peek()); ++at_) {
      value = value * 10 + static_cast<std::uint64_t>(peek() - '0');
      if (value >= kUnbounded) {
        at_ = begin;
        refuse(fmt::format("a count can be {} at most", kUnbounded - 1), ErrorCode::kLimit);
      }
    }
    return static_cast<std::uint32_t>(value);
  }

  // {m}, {m,}, {m,n} and {,n}, and their short forms.
  NodeId repetition(NodeId part) {
    const std::size_t begin = at_;
    const char kind = text_[at_++];
    if (kind == '*') return rules_.star(part);
    if (kind == '+') return rules_.repeat(part, 1, kUnbounded);
    if (kind == '?') return rules_.optional(part);
    pass_space(false);
    const bool has_min = is_ascii_digit(peek());
    const std::uint32_t min = count();
    std::uint32_t max = min;
    pass_space(false);
    const bool comma = peek() == ',';
    if (comma) {
      ++at_;
      pass_space(false);
      max = is_ascii_digit(peek()) ? count() : kUnbounded;
      pass_space(false);
    }
    if (peek() != '}' || (!has_min && (!comma || max == kUnbounded))) {
      at_ = begin;
      refuse("this count should be {m}, {m,}, {,n} or {m,n}");
    }
    ++at_;
    if (max < min) {
      at_ = begin;
      refuse("this count ends below its beginning");
    }
    return rules_.repeat(part, min, max);
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  Rules rules_;
  std::unordered_map<std::string, RuleId> ids_;
  std::vector<Use> uses_;  // by rule
};

}  // namespace

Rules read_gbnf(std::string_view text, const std::string& file) { return Reader(text, file).run(); }

}  // namespace lathe
