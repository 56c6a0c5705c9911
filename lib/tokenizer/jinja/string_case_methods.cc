// str.upper(), str.isupper() and their like.
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/string_methods.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

template <auto recase>
Value recased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("a change of case", arguments, {});
  runtime.spend_bytes(self.text().size());
  return runtime.like(self, recase(self.text()));
}

// True for a string that is not empty and whose characters are all of the class.
template <auto is_member, bool of_empty = false>
Value all_are(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("a test of characters", arguments, {});
  runtime.spend_bytes(self.text().size());
  const std::string_view text = self.view();
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_member(c.code)) return Value::boolean(false);
    at += c.length;
  }
  return Value::boolean(of_empty || !text.empty());
}

// No cased character of the other case, and one at least of this one.
template <auto is_wanted>
Value all_cased_are(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("a test of case", arguments, {});
  runtime.spend_bytes(self.text().size());
  const std::string_view text = self.view();
  bool seen = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (is_wanted(c.code)) {
      seen = true;
    } else if (is_cased(c.code)) {
      return Value::boolean(false);
    }
    at += c.length;
  }
  return Value::boolean(seen);
}

Value is_titled(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("istitle", arguments, {});
  runtime.spend_bytes(self.text().size());
  const std::string_view text = self.view();
  bool in_word = false, seen = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const bool begins = is_upper(c.code) || is_title(c.code);
    if (begins == in_word && is_cased(c.code)) return Value::boolean(false);
    in_word = is_cased(c.code);
    seen = seen || in_word;
    at += c.length;
  }
  return Value::boolean(seen);
}

bool is_ascii(char32_t c) { return c < 0x80; }

// A name may begin with a letter or "_" and goes on with digits and marks too.
Value is_identifier(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("isidentifier", arguments, {});
  const std::string_view text = self.view();
  if (text.empty()) return Value::boolean(false);
  const char32_t first = decode_utf8(text).code;
  if (!is_alpha(first) && first != '_') return Value::boolean(false);
  return all_are<is_word>(runtime, self, arguments);
}

constexpr MethodEntry kMethods[] = {
    {"upper", recased<uppered>},
    {"lower", recased<lowered>},
    {"title", recased<titled>},
    {"capitalize", recased<capitalized>},
    {"swapcase", recased<case_swapped>},
    {"isupper", all_cased_are<is_upper>},
    {"islower", all_cased_are<is_lower>},
    {"istitle", is_titled},
    {"isalpha", all_are<is_alpha>},
    {"isalnum", all_are<is_alnum>},
    {"isdigit", all_are<is_digit>},
    {"isdecimal", all_are<is_decimal>},
    {"isspace", all_are<is_space>},
    {"isascii", all_are<is_ascii, true>},
    {"isprintable", all_are<is_printable, true>},
    {"isidentifier", is_identifier},
};

}  // namespace

std::span<const MethodEntry> string_case_methods() { return kMethods; }

}  // namespace lathe::jinja
