#include "tokenizer/jinja/percent_format.h"

#include <cmath>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/format_spec.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Text& format, const Value& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  Text run() {
    const std::string_view text = format_.view();
    std::size_t plain = 0;
    while ((at_ = text.find('%', plain)) != std::string_view::npos) {
      out_.append(format_, plain, at_);
      ++at_;
      convert();
      plain = at_;
      runtime_.spend();
      runtime_.heap().expect(out_.size());
    }
    out_.append(format_, plain, text.size());
    const bool mapping =
        arguments_.is_dict() || arguments_.kind() == Kind::kList || arguments_.is_undefined();
    if (!mapping && next_ < count()) fail_invalid("a format with % does not use all arguments");
    return std::move(out_);
  }

 private:
  std::size_t count() const {
    return arguments_.kind() == Kind::kTuple ? arguments_.items().size() : 1;
  }

  Value next() {
    if (next_ >= count()) fail_invalid("a format with % has too few arguments");
    const std::size_t i = next_++;
    return arguments_.kind() == Kind::kTuple ? arguments_.items()[i] : arguments_;
  }

  bool more() const { return at_ < format_.size(); }
  char here() const { return format_.view()[at_]; }
  char take() {
    if (!more()) fail_invalid("a format with % is incomplete");
    return format_.view()[at_++];
  }

  // A number, or "*" for the next argument; -1 when there is neither.
  std::int64_t take_number() {
    if (more() && here() == '*') {
      ++at_;
      return require_integer(next(), "a width given by *");
    }
    std::int64_t out = -1;
    while (more() && is_ascii_digit(here())) {
      const auto scaled = checked_mul<std::int64_t>(out < 0 ? 0 : out, 10);
      if (!scaled || *scaled > INT32_MAX) fail_invalid("a width of a format with % is too large");
      out = *scaled + (take() - '0');
    }
    return out;
  }

  void take_flags(FormatSpec& spec, bool& left, bool& zero) {
    for (; more(); ++at_) {
      switch (here()) {
        case '-':
          left = true;
          break;
        case '0':
          zero = true;
          break;
        case '+':
          spec.sign = '+';
          break;
        case ' ':
          if (spec.sign == '-') spec.sign = ' ';
          break;
        case '#':
          spec.alternate = true;
          break;
        default:
          return;
      }
    }
  }

  // What follows a "%".
  void convert() {
    std::optional<Value> named;
    if (more() && here() == '(') {
      const std::size_t end = format_.view().find(')', at_);
      if (end == std::string_view::npos) fail_invalid("a format with %( lacks its )");
      const std::string_view key = format_.view().substr(at_ + 1, end - at_ - 1);
      if (!arguments_.is_dict()) fail_invalid("a format with %( needs a dictionary");
      const Value* value = arguments_.as_dict().find(key);
      if (value == nullptr) fail_invalid("a format with % finds no {}", quoted(key));
      named = *value;
      at_ = end + 1;
    }
    FormatSpec spec;
    bool left = false, zero = false;
    take_flags(spec, left, zero);
    std::int64_t width = take_number();
    if (width < -1) {
      left = true;
      width = -width;
    }
    spec.width = std::max<std::int64_t>(width, 0);
    if (more() && here() == '.') {
      ++at_;
      spec.precision = std::max<std::int64_t>(take_number(), 0);
      if (spec.precision > 4000) fail_invalid("a format with % is too precise");
    }
    while (more() && (here() == 'h' || here() == 'l' || here() == 'L')) ++at_;
    const char type = take();
    if (type == '%') return out_.append("%");
    spec.align = left ? '<' : '>';
    if (zero && !left) {
      spec.fill = "0";
      spec.align = '=';
    }
    append(named ? *named : next(), type, spec);
  }

  void append(const Value& value, char type, FormatSpec spec) {
    switch (type) {
      case 's':
      case 'r':
      case 'a':
      case 'c':
        return append_text(value, type, spec);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return append_integer(value, type, spec);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        require_defined(value);
        if (!value.is_number()) fail_invalid("%{} needs a number", type);
        spec.type = type;
        return append_number(float_digits(value.as_number(), spec), spec, 0);
      default:
        fail_invalid("a format with % has the unknown conversion {}", quoted(std::string(1, type)));
    }
  }

  void append_text(const Value& value, char type, FormatSpec spec) {
    Text text;
    if (type == 'a') fail_unsupported("%a in a format is not supported");
    if (type == 'r') {
      append_repr(runtime_, value, text);
    } else if (type == 's') {
      text = to_text(runtime_, value);
    } else if (value.is_string()) {
      if (value.as_string().length != 1) fail_invalid("%c needs one character");
      text = value.text();
    } else {
      const std::int64_t code = require_integer(value, "%c's argument");
      if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        fail_invalid("%c: {} is no character", code);
      }
      std::string bytes;
      append_utf8(static_cast<char32_t>(code), bytes);
      text = Text(std::move(bytes));
    }
    if (spec.precision >= 0) {
      const Value whole = runtime_.string(std::move(text));
      text = whole.as_string().characters(
          0, std::min(whole.as_string().length, static_cast<std::size_t>(spec.precision)));
    }
    if (spec.align == '=') spec.align = '>';
    spec.fill.clear();
    out_.append(padded_to(runtime_, std::move(text), spec, '>'));
  }

  void append_integer(const Value& value, char type, FormatSpec spec) {
    require_defined(value);
    std::int64_t number = 0;
    if (value.is_integer()) {
      number = value.as_integer();
    } else {
      const bool decimal = type == 'd' || type == 'i' || type == 'u';
      if (!value.is_number() || !decimal || !(std::fabs(value.as_number()) < 9e18)) {
        fail_invalid("%{} needs an integer, not {}", type, type_name(value));
      }
      number = static_cast<std::int64_t>(value.as_number());
    }
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    std::string digits = integer_digits(number, spec);
    const std::size_t prefix = spec.alternate && spec.type != 'd' ? 2 : 0;
    if (spec.precision >= 0) {
      const std::size_t first = digits.find_first_of("0123456789abcdefABCDEF") + prefix;
      const std::size_t have = digits.size() - first;
      const auto want = static_cast<std::size_t>(spec.precision);
      if (have < want) digits.insert(first, want - have, '0');
    }
    append_number(digits, spec, prefix);
  }

  void append_number(const std::string& digits, const FormatSpec& spec, std::size_t prefix) {
    const bool sign = digits.starts_with('-') || digits.starts_with('+') || digits.starts_with(' ');
    out_.append(padded_to(runtime_, Text(digits), spec, '>', prefix + (sign ? 1 : 0)));
  }

  Runtime& runtime_;
  const Text& format_;
  const Value& arguments_;
  std::size_t at_ = 0, next_ = 0;
  Text out_;
};

}  // namespace

Value percent_format(Runtime& runtime, const Value& format, const Value& arguments) {
  if (format.is_markup()) fail_unsupported("% of markup (\"safe\") is not supported");
  return runtime.string(PercentFormatter(runtime, format.text(), arguments).run());
}

}  // namespace lathe::jinja
