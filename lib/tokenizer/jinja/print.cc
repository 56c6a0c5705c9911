#include "tokenizer/jinja/print.h"

#include <charconv>
#include <cmath>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"

namespace lathe::jinja {
namespace {

void append_items(Runtime& runtime, const std::vector<Value>& items, Text& out) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.append(", ");
    first = false;
    append_repr(runtime, item, out);
  }
}

void append_dict(Runtime& runtime, const DictObject& dict, Text& out) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out.append(", ");
    first = false;
    append_repr(runtime, key, out);
    out.append(": ");
    append_repr(runtime, value, out);
  }
  out.append("}");
}

std::string escaped_character(char32_t c, char quote) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  if (c == '\\') return "\\\\";
  if (c == static_cast<unsigned char>(quote)) return std::string("\\") + quote;
  const auto code = static_cast<std::uint32_t>(c);
  if (c < 0x100) return fmt::format("\\x{:02x}", code);
  return c < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
}

}  // namespace

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInteger:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return value.is_markup() ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      break;
  }
  return value.as_object().type_name();
}

void append_quoted(const Text& text, Text& out) {
  const std::string& bytes = text.bytes();
  const bool single = bytes.find('\'') != std::string::npos;
  const char quote = single && bytes.find('"') == std::string::npos ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  std::size_t plain = 0;  // where what needs no escape begins
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(std::string_view(bytes).substr(at));
    if (!is_printable(c.code) || c.code == '\\' || c.code == static_cast<unsigned char>(quote)) {
      out.append(text, plain, at);
      out.append(escaped_character(c.code, quote), text.is_user(at));
      plain = at + c.length;
    }
    at += c.length;
  }
  out.append(text, plain, bytes.size());
  out.append(std::string_view(&quote, 1));
}

void append_repr(Runtime& runtime, const Value& value, Text& out) {
  const Runtime::Deeper deeper(runtime);
  runtime.spend();
  runtime.heap().expect(out.size());
  switch (value.kind()) {
    case Kind::kUndefined:
      out.append("Undefined");
      return;
    case Kind::kString:
      if (value.is_markup()) out.append("Markup(");
      append_quoted(value.text(), out);
      if (value.is_markup()) out.append(")");
      return;
    case Kind::kList:
      out.append("[");
      append_items(runtime, value.items(), out);
      out.append("]");
      return;
    case Kind::kTuple:
      out.append("(");
      append_items(runtime, value.items(), out);
      out.append(value.items().size() == 1 ? ",)" : ")");
      return;
    case Kind::kDict:
      append_dict(runtime, value.as_dict(), out);
      return;
    default:
      out.append(to_text(runtime, value));
  }
}

Text to_text(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return {};
    case Kind::kNone:
      return Text("None");
    case Kind::kBool:
      return Text(value.as_bool() ? "True" : "False");
    case Kind::kInteger:
      return Text(std::to_string(value.as_integer()));
    case Kind::kFloat:
      return Text(float_text(value.as_number()));
    case Kind::kString:
      return value.text();
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      break;
    case Kind::kObject: {
      const Runtime::Deeper deeper(runtime);
      std::optional<Text> text = value.as_object().print(runtime);
      if (text) return *std::move(text);
      fail_unsupported(
          "printing a {} object would print an address in memory, another one each time",
          quoted(type_name(value)));
    }
  }
  Text out;
  append_repr(runtime, value, out);
  return out;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[32];
  const auto [end, error] =
      std::to_chars(std::begin(digits), std::end(digits), value, std::chars_format::scientific);
  static_cast<void>(error);  // the longest double has 24 characters
  const std::string_view all(digits, static_cast<std::size_t>(end - digits));
  const std::size_t e = all.find('e');
  int exponent = 0;
  std::from_chars(all.data() + e + (all[e + 1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(all);
  char fixed[64];
  const auto [last, fixed_error] =
      std::to_chars(std::begin(fixed), std::end(fixed), value, std::chars_format::fixed);
  static_cast<void>(fixed_error);
  std::string out(fixed, last);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

}  // namespace lathe::jinja
