#include "constraint/regex_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "constraint/char_classes.h"

namespace lathe {
namespace {

using Kind = RegexTree::Kind;

constexpr int kMaxNesting = 200;
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

RegexTree chars(CharSet set) {
  RegexTree tree;
  tree.kind = Kind::kChars;
  tree.chars = std::move(set);
  return tree;
}

RegexTree parent(Kind kind, std::vector<RegexTree> parts) {
  if (parts.size() == 1 && kind != Kind::kRepeat) return std::move(parts.front());
  RegexTree tree;
  tree.kind = kind;
  tree.parts = std::move(parts);
  return tree;
}

class Reader {
 public:
  explicit Reader(std::string_view pattern) : text_(pattern) {}

  RegexTree run() {
    if (text_.size() > kMaxBytes) {
      fail(ErrorCode::kLimit, "a regex of {} bytes is larger than the limit of {}", text_.size(),
           kMaxBytes);
    }
    RegexTree tree = choice(0);
    if (at_ < text_.size()) refuse("this ) closes nothing");
    return tree;
  }

 private:
  [[noreturn]] void refuse(std::string_view what, ErrorCode code = ErrorCode::kInvalid) const {
    fail(code, "the regex {}: at byte {}: {}", quoted(text_), at_, what);
  }
  [[noreturn]] void refuse_unsupported(std::string_view what) const {
    refuse(fmt::format("{} is not supported", what), ErrorCode::kUnsupported);
  }

  std::string_view rest() const noexcept { return text_.substr(at_); }
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

  RegexTree choice(int depth) {
    if (depth > kMaxNesting) {
      refuse(fmt::format("groups are nested more than {} levels deep", kMaxNesting),
             ErrorCode::kLimit);
    }
    std::vector<RegexTree> parts;
    parts.push_back(sequence(depth));
    while (peek() == '|') {
      ++at_;
      parts.push_back(sequence(depth));
    }
    return parent(Kind::kChoice, std::move(parts));
  }

  RegexTree sequence(int depth) {
    std::vector<RegexTree> parts;
    while (at_ < text_.size() && peek() != '|' && peek() != ')') {
      const char c = peek();
      if (c == '*' || c == '+' || c == '?' || interval()) {
        refuse(fmt::format("there is nothing in front of {} to repeat", c));
      }
      RegexTree atom = this->atom(depth);
      const bool anchor = atom.kind == Kind::kBegin || atom.kind == Kind::kEnd;
      parts.push_back(anchor ? std::move(atom) : repeated(std::move(atom)));
    }
    return parent(Kind::kSequence, std::move(parts));
  }

  RegexTree atom(int depth) {
    switch (peek()) {
      case '(':
        return group(depth);
      case '[':
        return chars(set());
      case '.':
        ++at_;
        return chars(line_chars());
      case '^':
      case '$': {
        RegexTree tree;
        tree.kind = text_[at_++] == '^' ? Kind::kBegin : Kind::kEnd;
        return tree;
      }
      case '\\': {
        const CharSet set = escape(false);
        return chars(set);
      }
      default: {
        const char32_t c = character();
        return chars({c, c});
      }
    }
  }

  RegexTree group(int depth) {
    const std::size_t begin = at_++;
    if (peek() == '?') {
      if (rest().starts_with("?:")) {
        at_ += 2;
      } else if (rest().starts_with("?=") || rest().starts_with("?!") ||
                 rest().starts_with("?<=") || rest().starts_with("?<!")) {
        refuse_unsupported("looking ahead or behind, as no grammar can,");
      } else if (rest().starts_with("?<") || rest().starts_with("?P<")) {
        const std::size_t end = text_.find('>', at_);
        if (end == std::string_view::npos) refuse("the name of a group is not closed");
        at_ = end + 1;
      } else {
        refuse_unsupported(fmt::format("the group {}...", quoted(rest().substr(0, 2))));
      }
    }
    RegexTree inner = choice(depth + 1);
    if (peek() != ')') {
      at_ = begin;
      refuse("this group is not closed");
    }
    ++at_;
    return inner;
  }

  // The bounds of {m}, {m,} or {m,n} that stand here, and their bytes; any other brace is itself.
  struct Interval {
    std::uint32_t min = 0, max = 0;
    std::size_t size = 0;
  };
  std::optional<Interval> interval() const {
    if (peek() != '{') return std::nullopt;
    std::size_t at = at_ + 1;
    const auto number = [&]() -> std::optional<std::uint64_t> {
      const std::size_t begin = at;
      std::uint64_t value = 0;
      for (; at < text_.size() && is_ascii_digit(text_[at]); ++at) {
        value = std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(text_[at] - '0'),
                                        kUnbounded);
      }
      return at == begin ? std::nullopt : std::optional(value);
    };
    const auto min = number();
    if (!min) return std::nullopt;
    std::optional<std::uint64_t> max = min;
    if (at < text_.size() && text_[at] == ',') {
      ++at;
      max = number();
    }
    if (at >= text_.size() || text_[at] != '}') return std::nullopt;
    if (*min >= kUnbounded || (max && *max >= kUnbounded)) {
      refuse(fmt::format("a count can be {} at most", kUnbounded - 1), ErrorCode::kLimit);
    }
    if (max && *max < *min) refuse("this count ends below its beginning");
    return Interval{static_cast<std::uint32_t>(*min),
                    max ? static_cast<std::uint32_t>(*max) : kUnbounded, at + 1 - at_};
  }

  RegexTree repeated(RegexTree atom) {
    Interval bounds;
    const char c = peek();
    if (c == '*' || c == '+' || c == '?') {
      bounds = {c == '+' ? 1u : 0u, c == '?' ? 1u : kUnbounded, 1};
    } else if (const auto found = interval()) {
      bounds = *found;
    } else {
      return atom;
    }
    at_ += bounds.size;
    if (peek() == '?') ++at_;
    if (peek() == '+') refuse_unsupported("a possessive repetition");
    if (peek() == '*' || peek() == '?' || interval()) refuse("a repetition is repeated");
    std::vector<RegexTree> parts;
    parts.push_back(std::move(atom));
    RegexTree tree = parent(Kind::kRepeat, std::move(parts));
    tree.min = bounds.min;
    tree.max = bounds.max;
    return tree;
  }

  CharSet set() {
    const std::size_t begin = at_++;
    const bool negated = peek() == '^';
    if (negated) ++at_;
    CharSet out;
    while (peek() != ']' || at_ >= text_.size()) {
      if (at_ >= text_.size()) {
        at_ = begin;
        refuse("this set is not closed");
      }
      if (rest().starts_with("[:")) refuse_unsupported("a class of POSIX");
      const std::size_t here = at_;
      const CharSet first = member();
      const bool range = peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      if (!range || !is_one(first)) {
        out.add(first);
        continue;
      }
      ++at_;
      const CharSet last = member();
      if (!is_one(last) || last.ranges()[0].first < first.ranges()[0].first) {
        at_ = here;
        refuse("this range ends before it begins");
      }
      out.add(first.ranges()[0].first, last.ranges()[0].first);
    }
    ++at_;
    return negated ? out.complement() : out;
  }

  static bool is_one(const CharSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
  }

  CharSet member() {
    if (peek() == '\\') return escape(true);
    const char32_t c = character();
    return {c, c};
  }

  char32_t character() {
    const Utf8Char c = decode_utf8(rest());
    if (!c.valid) refuse("the regex is not UTF-8");
    at_ += c.length;
    return c.code;
  }

  CharSet escape(bool in_set) {
    ++at_;
    if (at_ >= text_.size()) refuse("the regex ends in a backslash");
    const char c = text_[at_];
    const auto take = [&](CharSet set) {
      ++at_;
      return set;
    };
    switch (c) {
      case 'd':
        return take(digit_chars());
      case 'D':
        return take(digit_chars().complement());
      case 'w':
        return take(word_chars());
      case 'W':
        return take(word_chars().complement());
      case 's':
        return take(space_chars());
      case 'S':
        return take(space_chars().complement());
      case 'p':
      case 'P':
        return property();
      case 'b':
        if (in_set) return take({'\b', '\b'});
        [[fallthrough]];
      case 'B':
        refuse_unsupported("a word boundary");
      case 'k':
        refuse_unsupported("a reference to a group");
      case 'A':
      case 'Z':
      case 'z':
      case 'G':
        refuse_unsupported("an anchor other than ^ and $");
      default:
        break;
    }
    if (c >= '1' && c <= '9' && !in_set) refuse_unsupported("a reference to a group");
    const char32_t code = escaped_char();
    return {code, code};
  }

  char32_t escaped_char() {
    const char c = text_[at_];
    constexpr std::string_view kNames = "tnrfv0", kValues("\t\n\r\f\v\0", 6);
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      ++at_;
      return static_cast<unsigned char>(kValues[i]);
    }
    if (c == 'x' || c == 'u') return hexadecimal(c == 'x' ? 2 : 4);
    if (c == 'c' && at_ + 1 < text_.size()) {
      at_ += 2;
      return static_cast<char32_t>(text_[at_ - 1] & 0x1f);
    }
    if (is_ascii_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      refuse(fmt::format("\\{} is no escape", c));
    }
    return character();
  }

  char32_t hexadecimal(std::size_t digits) {
    ++at_;
    const bool braces = digits == 4 && peek() == '{';
    std::string_view word = rest().substr(0, digits);
    if (braces) word = rest().substr(1, std::min(rest().find('}'), rest().size()) - 1);
    char32_t value = 0;
    for (const char c : word) {
      const char lower = static_cast<char>(c | 0x20);
      const bool letter = lower >= 'a' && lower <= 'f';
      if ((!is_ascii_digit(c) && !letter) || value > 0x10ffff) refuse("this is no character");
      value = value * 16 + static_cast<char32_t>(letter ? lower - 'a' + 10 : c - '0');
    }
    if (word.size() < digits && !braces) refuse(fmt::format("{} digits should follow", digits));
    if (word.empty() || value > 0x10ffff) refuse("this is no character");
    at_ += word.size() + (braces ? 2 : 0);
    if (value >= 0xd800 && value <= 0xdbff && rest().starts_with("\\u")) {
      ++at_;
      const char32_t low = hexadecimal(4);
      if (low < 0xdc00 || low > 0xdfff) refuse("half of a surrogate pair is missing");
      return 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    return value;
  }

  CharSet property() {
    const bool negated = text_[at_] == 'P';
    ++at_;
    const std::size_t end = rest().find('}');
    if (peek() != '{' || end == std::string_view::npos) refuse("\\p should be \\p{NAME}");
    const std::string_view name = rest().substr(1, end - 1);
    const auto set = category_chars(name);
    if (!set) refuse_unsupported(fmt::format("the property {}", quoted(name)));
    at_ += end + 1;
    return negated ? set->complement() : *set;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool has_anchor(const RegexTree& tree) {
  return tree.kind == Kind::kBegin || tree.kind == Kind::kEnd ||
         std::ranges::any_of(tree.parts, has_anchor);
}

RegexTree anything() {
  std::vector<RegexTree> parts;
  parts.push_back(chars(CharSet::all()));
  RegexTree tree = parent(Kind::kRepeat, std::move(parts));
  tree.max = kUnbounded;
  return tree;
}

}  // namespace

RegexTree read_regex(std::string_view pattern) { return Reader(pattern).run(); }

RegexTree without_anchors(RegexTree tree, RegexEnds ends, std::string_view pattern) {
  if (tree.kind == Kind::kChoice) {
    for (RegexTree& part : tree.parts) {
      part = without_anchors(std::move(part), ends, pattern);
    }
    return tree;
  }
  std::vector<RegexTree> parts;
  if (tree.kind == Kind::kSequence) {
    parts = std::move(tree.parts);
  } else {
    parts.push_back(std::move(tree));
  }
  bool begins = false, stops = false;
  while (!parts.empty() && parts.front().kind == Kind::kBegin) {
    parts.erase(parts.begin());
    begins = true;
  }
  while (!parts.empty() && parts.back().kind == Kind::kEnd) {
    parts.pop_back();
    stops = true;
  }
  if (std::ranges::any_of(parts, has_anchor)) {
    fail_unsupported(
        "the regex {}: ^ and $ are supported at the ends of the whole pattern and of its "
        "alternatives only",
        quoted(pattern));
  }
  if (ends == RegexEnds::kSearch) {
    if (!begins) parts.insert(parts.begin(), anything());
    if (!stops) parts.push_back(anything());
  }
  return parent(Kind::kSequence, std::move(parts));
}

}  // namespace lathe
