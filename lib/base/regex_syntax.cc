#include "base/regex_syntax.h"

#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

// What stands inside [...] for a class, and its complement for use outside sets.
constexpr std::string_view kSpace = "\\p{White_Space}";
constexpr std::string_view kNotSpace = "\\P{White_Space}";
constexpr std::string_view kWord =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kRustWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}";

class Rewriter {
 public:
  Rewriter(std::string_view pattern, RegexDialect dialect, const std::string& file)
      : in_(pattern), word_(dialect == RegexDialect::kRust ? kRustWord : kWord), file_(file) {}

  std::string run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        escape();
      } else if (in_set_) {
        set_char(c);
      } else {
        plain_char(c);
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    fail_unsupported("{}: the regex {} uses {}, which is not supported", quoted(file_), quoted(in_),
                     what);
  }

  void plain_char(char c) {
    ++at_;
    out_.push_back(c);
    if (c == '[') {
      in_set_ = true;
      set_start_ = true;
      if (at_ < in_.size() && in_[at_] == '^') out_.push_back(in_[at_++]);
    } else if (c == '}' && at_ < in_.size() && in_[at_] == '+' && closes_interval()) {
      // Ruby repeats the repetition; PCRE2 would make it possessive.
      refuse("{n,m}+, a repetition of a repetition");
    }
  }

  void set_char(char c) {
    if (c == ']' && !set_start_) {
      in_set_ = false;
    } else if (c == '[') {
      if (in_.substr(at_).starts_with("[:")) {
        const std::size_t end = in_.find(":]", at_ + 2);
        if (end != std::string_view::npos) {
          out_ += in_.substr(at_, end + 2 - at_);
          at_ = end + 2;
          set_start_ = false;
          return;
        }
      }
      refuse("a set inside a set");
    } else if (in_.substr(at_).starts_with("&&")) {
      refuse("an intersection of sets");
    }
    set_start_ = false;
    out_.push_back(c);
    ++at_;
  }

  void escape() {
    if (at_ + 1 >= in_.size()) refuse("a backslash at its end");
    const char c = in_[at_ + 1];
    at_ += 2;
    set_start_ = false;
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
      default:
        out_.push_back('\\');
        out_.push_back(c);
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

  // Is the '}' just written the end of {n}, {n,}, {,m} or {n,m}?
  bool closes_interval() const {
    const std::size_t open = out_.rfind('{');
    if (open == std::string::npos || open == 0) return false;
    if (out_[open - 1] == 'p' || out_[open - 1] == 'P' || out_[open - 1] == 'x') return false;
    return out_.find_first_not_of("0123456789,", open + 1) == out_.size() - 1;
  }

  std::string_view in_, word_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::string out_;
  bool in_set_ = false;
  bool set_start_ = false;  // a ']' here is a member
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
