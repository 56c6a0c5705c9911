#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex_syntax.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <pcre2.h>
#include <vector>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

// What stands inside [...] for a class, and its complement for use outside sets.
constexpr std::string_view kSpace = "\\p{White_Space}";
constexpr std::string_view kNotSpace = "\\P{White_Space}";
constexpr std::string_view kWord =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kRustWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}";

constexpr std::string_view kCall = "(?C)";  // where matching counts its steps

// General categories: of each character exactly one holds.
constexpr std::array<std::string_view, 30> kCategories{
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"};

bool is_hex_digit(char c) noexcept {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The categories that a set of nothing but \p{...} leaves out, as a set's members.
std::optional<std::string> categories_outside(std::string_view set) {
  std::array<bool, kCategories.size()> in{};
  while (!set.empty()) {
    if (!set.starts_with("\\p{")) return std::nullopt;
    const std::size_t end = set.find('}');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = set.substr(3, end - 3);
    bool known = false;
    for (std::size_t i = 0; i < kCategories.size(); ++i) {
      if (kCategories[i] != name && (name.size() != 1 || kCategories[i][0] != name[0])) continue;
      in[i] = known = true;
    }
    if (!known) return std::nullopt;
    set.remove_prefix(end + 1);
  }
  std::string out;
  for (std::size_t i = 0; i < kCategories.size(); ++i) {
    if (!in[i]) out += fmt::format("\\p{{{}}}", kCategories[i]);
  }
  return out;
}

class Rewriter {
 public:
  Rewriter(std::string_view pattern, RegexDialect dialect, const std::string& file)
      : in_(pattern), word_(dialect == RegexDialect::kRust ? kRustWord : kWord), file_(file) {}

  std::string run() {
    while (at_ < in_.size()) {
      switch (in_[at_]) {
        case '\\':
          begin_atom();
          escape();
          break;
        case '[':
          begin_atom();
          out_ += set();
          break;
        case '(':
          open_group();
          break;
        case ')':
          close_group();
          break;
        case '*':
        case '+':
        case '?':
          repeat(in_.substr(at_, 1));
          break;
        case '{':
          interval();
          break;
        default:
          plain_char();
      }
    }
    return std::move(out_);
  }

 private:
  struct Group {
    std::size_t begin, body;  // places in out_
  };

  [[noreturn]] void refuse(std::string_view what) const {
    fail_unsupported("{}: the regex {} uses {}, which is not supported", quoted(file_), quoted(in_),
                     what);
  }

  void begin_atom() {
    atom_ = Group{out_.size(), std::string::npos};
    repeated_ = false;
  }

  void plain_char() {
    begin_atom();
    if (in_[at_] == '|') atom_.reset();
    const std::size_t size = decode_utf8(in_.substr(at_)).length;
    out_ += in_.substr(at_, size);
    at_ += size;
  }

  void open_group() {
    const std::string_view rest = in_.substr(at_);
    const std::size_t begin = out_.size();
    std::size_t size = 1;
    if (rest.starts_with("(*")) refuse("(*...), a verb");
    if (rest.starts_with("(?#")) {
      at_ = std::min(in_.find(')', at_), in_.size() - 1) + 1;
      return;
    }
    if (rest.starts_with("(?")) {
      size = group_prefix(rest);
      if (rest[size - 1] == ')') {  // flags from here on, nothing to match
        out_ += rest.substr(0, size);
        at_ += size;
        atom_.reset();
        return;
      }
    }
    out_ += rest.substr(0, size);
    at_ += size;
    groups_.push_back({begin, out_.size()});
    atom_.reset();
    repeated_ = false;
  }

  // Bytes of "(?:", "(?<=", "(?<name>", "(?i-x:" and the like at the start of `rest`.
  std::size_t group_prefix(std::string_view rest) const {
    const char kind = rest.size() > 2 ? rest[2] : '\0';
    if (kind == ':' || kind == '=' || kind == '!' || kind == '>') return 3;
    if (kind == '<') {
      if (rest.size() > 3 && (rest[3] == '=' || rest[3] == '!')) return 4;
      const std::size_t end = rest.find('>');
      if (end != std::string_view::npos) return end + 1;
    }
    std::size_t at = 2;
    while (at < rest.size() && (rest[at] == 'i' || rest[at] == 'x' || rest[at] == '-')) ++at;
    if (at > 2 && at < rest.size() && (rest[at] == ':' || rest[at] == ')')) return at + 1;
    refuse(fmt::format("{}..., a group", rest.substr(0, 3)));
  }

  void close_group() {
    ++at_;
    out_.push_back(')');
    if (groups_.empty()) return;  // PCRE2 will say so
    atom_ = groups_.back();
    groups_.pop_back();
    repeated_ = false;
    if (at_ == in_.size() || std::string_view("*+?{").find(in_[at_]) == std::string_view::npos) {
      out_ += kCall;
      atom_.reset();
    }
  }

  // {n}, {n,}, {,m} or {n,m}; any other brace means itself.
  void interval() {
    std::size_t end = at_ + 1, commas = 0, digits = 0;
    for (; end < in_.size() && (is_ascii_digit(in_[end]) || in_[end] == ','); ++end) {
      ++(in_[end] == ',' ? commas : digits);
    }
    if (end < in_.size() && in_[end] == '}' && digits > 0 && commas <= 1) {
      repeat(in_.substr(at_, end + 1 - at_));
    } else {
      plain_char();
    }
  }

  // "*", "+", "?", "{n}" and their kin at at_, and what makes them lazy or possessive.
  void repeat(std::string_view what) {
    if (repeated_) refuse("a repetition of a repetition");
    at_ += what.size();
    const bool braces = what.front() == '{';
    std::string suffix;
    if (at_ < in_.size() && (in_[at_] == '+' || in_[at_] == '?')) {
      // Ruby repeats the repetition; PCRE2 would make it possessive, or lazy.
      if (braces && in_[at_] == '+') refuse("{n,m}+, a repetition of a repetition");
      if (braces && what.find(',') == std::string_view::npos) refuse("{n}?");
      suffix = in_[at_++];
    }
    if (atom_) {
      const bool is_group = atom_->body != std::string::npos;
      if (is_group || what != "?") out_.insert(is_group ? atom_->body : atom_->begin, kCall);
    }
    if (what.starts_with("{,")) {
      out_ += "{0";
      what.remove_prefix(1);
    }
    out_ += what;
    out_ += suffix;
    out_ += kCall;
    repeated_ = true;
    atom_.reset();
  }

  // A set from '[' to its ']'; another one may stand inside, or after "&&".
  std::string set() {
    ++at_;
    const bool negated = at_ < in_.size() && in_[at_] == '^';
    if (negated) ++at_;
    in_set_ = true;
    std::string members = set_members();
    std::string out;
    if (in_.substr(at_).starts_with("&&")) {
      at_ += 2;
      out = intersection(members, negated);
    } else {
      out = fmt::format("[{}{}]", negated ? "^" : "", members);
    }
    in_set_ = false;
    if (at_ >= in_.size() || in_[at_] != ']') {
      fail_invalid("{}: the regex {} does not end its set", quoted(file_), quoted(in_));
    }
    ++at_;
    return out;
  }

  std::string set_members() {
    std::string outer;
    std::swap(outer, out_);
    bool first = true;
    while (at_ < in_.size() && (in_[at_] != ']' || first) && !in_.substr(at_).starts_with("&&")) {
      const std::size_t posix = in_.find(":]", at_ + 2);
      if (in_[at_] == '\\') {
        escape();
      } else if (in_.substr(at_).starts_with("[:") && posix != std::string_view::npos) {
        out_ += in_.substr(at_, posix + 2 - at_);
        at_ = posix + 2;
      } else if (in_[at_] == '[') {
        refuse("a set inside a set");
      } else {
        out_.push_back(in_[at_++]);
      }
      first = false;
    }
    std::swap(outer, out_);
    return outer;
  }

  // [left&&[right]], of which PCRE2 has no form of its own.
  std::string intersection(const std::string& left, bool negated) {
    if (at_ >= in_.size() || in_[at_++] != '[') refuse("an intersection of sets");
    const bool outside = at_ < in_.size() && in_[at_] == '^';
    if (outside) ++at_;
    const std::string right = set_members();
    if (at_ >= in_.size() || in_[at_] != ']' || negated || left.empty() || right.empty()) {
      refuse("an intersection of sets");
    }
    ++at_;
    if (at_ >= in_.size() || in_[at_] != ']') refuse("an intersection of sets");
    const std::optional<std::string> others = outside ? categories_outside(left) : std::nullopt;
    if (others) return fmt::format("[^{}{}]", *others, right);
    return fmt::format("(?:(?{}[{}])[{}])", outside ? '!' : '=', right, left);
  }

  void escape() {
    if (at_ + 1 >= in_.size()) refuse("a backslash at its end");
    const char c = in_[at_ + 1];
    at_ += 2;
    switch (c) {
      case 's':
        out_ += kSpace;
        return;
      case 'S':
        out_ += kNotSpace;
        return;
      case 'w':
        put_class(word_, false);
        return;
      case 'W':
        if (in_set_) refuse("\\W inside a set");
        put_class(word_, true);
        return;
      case 'h':
        put_class("0-9A-Fa-f", false);
        return;
      case 'H':
        if (in_set_) refuse("\\H inside a set");
        put_class("0-9A-Fa-f", true);
        return;
      case 'b':
      case 'B':
        if (in_set_) {
          out_ += c == 'b' ? "\\b" : "B";  // a backspace; a letter
        } else {
          put_boundary(c == 'B');
        }
        return;
      case 'd':
        out_ += "\\p{Nd}";
        return;
      case 'D':
        out_ += "\\P{Nd}";
        return;
      case 'p':
      case 'P':
      case 'x':
      case 'o':
        put_long_escape(c);
        return;
      case 'u':
        // \uHHHH; PCRE2 spells it \x{HHHH}.
        if (in_.size() - at_ < 4) refuse("\\u without four digits");
        out_ += "\\x{";
        out_ += in_.substr(at_, 4);
        out_ += "}";
        at_ += 4;
        return;
      case 'G':
      case 'K':
      case 'X':
      case 'R':
      case 'C':
      case 'Q':
      case 'E':
      case 'g':
      case 'k':
      case 'y':
      case 'Y':
      case 'N':
      case 'O':
        refuse(c == 'Q' || c == 'E' ? "\\Q or \\E"
                                    : "an escape that the dialects read differently");
      case 'c':
        out_ += "\\c";
        if (at_ < in_.size()) out_.push_back(in_[at_++]);
        return;
      default:
        out_.push_back('\\');
        out_.push_back(c);
        if (is_ascii_digit(c)) {  // a backreference, or a character in octal
          while (at_ < in_.size() && is_ascii_digit(in_[at_])) out_.push_back(in_[at_++]);
        }
    }
  }

  // A script, which PCRE2 would take with its extensions: "Han" is "sc:Han" there.
  static std::string property(std::string_view name) {
    std::string_view bare = name.starts_with('^') ? name.substr(1) : name;
    const std::string script = fmt::format("\\p{{sc:{}}}", bare);
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = bare.size() <= 2
                           ? nullptr
                           : pcre2_compile(reinterpret_cast<PCRE2_SPTR>(script.data()),
                                           script.size(), PCRE2_UTF, &error, &offset, nullptr);
    if (code == nullptr) return std::string(name);
    pcre2_code_free(code);
    return fmt::format("{}sc:{}", name.size() != bare.size() ? "^" : "", bare);
  }

  // \p{...}, \P{...}, \x{...}, \xHH: one character or class together with what names it.
  void put_long_escape(char c) {
    out_.push_back('\\');
    out_.push_back(c);
    std::size_t size = 0;
    const std::string_view rest = in_.substr(at_);
    if (rest.starts_with('{')) {
      size = std::min(rest.find('}'), rest.size() - 1) + 1;
    } else if (c == 'x') {
      while (size < 2 && size < rest.size() && is_hex_digit(rest[size])) ++size;
    }
    at_ += size;
    if (size > 2 && c != 'x' && c != 'o' && rest[size - 1] == '}') {
      out_ += fmt::format("{{{}}}", property(rest.substr(1, size - 2)));
    } else {
      out_ += rest.substr(0, size);
    }
  }

  void put_class(std::string_view members, bool negated) {
    if (in_set_) {
      out_ += members;
      return;
    }
    out_ += negated ? "[^" : "[";
    out_ += members;
    out_ += "]";
  }

  // PCRE2's \b would use its own word characters.
  void put_boundary(bool negated) {
    const char same = negated ? '=' : '!';
    const char other = negated ? '!' : '=';
    out_ += fmt::format("(?:(?<=[{0}])(?{1}[{0}])|(?<![{0}])(?{2}[{0}]))", word_, same, other);
  }

  std::string_view in_, word_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::string out_;
  bool in_set_ = false;
  std::vector<Group> groups_;  // open ones
  std::optional<Group> atom_;  // what a repetition here would repeat
  bool repeated_ = false;      // a repetition stands just before
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern, RegexDialect dialect,
                            const std::string& file) {
  return Rewriter(pattern, dialect, file).run();
}

std::string escape_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-&#~ \t\n").find(c) != std::string_view::npos) {
      out.push_back('\\');
    }
    out.push_back(c);
  }
  return out;
}

}  // namespace lathe
