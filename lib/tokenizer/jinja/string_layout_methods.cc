// str.center(), str.format(), str.zfill() and their like.
#include <algorithm>

#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/brace_format.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/string_methods.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

// How many characters are missing to the width in parameter 0.
std::size_t missing(const Value& self, const Parameters& parameters) {
  const std::int64_t width = require_integer(parameters.at(0), "a width");
  const auto length = static_cast<std::int64_t>(self.as_string().length);
  return width <= length ? 0 : static_cast<std::size_t>(width - length);
}

Text fill_character(const Parameters& parameters) {
  if (!parameters.has(1)) return Text(" ");
  const Text& fill = require_string(parameters.at(1), "a fill character");
  if (character_count(fill.view()) != 1) fail_invalid("a fill character must be one character");
  return fill;
}

Value padded(Runtime& runtime, const Value& self, const Text& fill, std::size_t left,
             std::size_t right) {
  Text out = filled(runtime, fill, left);
  out.append(self.text());
  out.append(filled(runtime, fill, right));
  return runtime.like(self, std::move(out));
}

Value center(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("center", arguments, {"width", "fillchar"});
  const std::size_t all = missing(self, parameters);
  const std::size_t width = all + self.as_string().length;
  // Python puts the odd one to the left when the width is odd too.
  const std::size_t left = all / 2 + (all & width & 1);
  return padded(runtime, self, fill_character(parameters), left, all - left);
}

Value ljust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("ljust", arguments, {"width", "fillchar"});
  return padded(runtime, self, fill_character(parameters), 0, missing(self, parameters));
}

Value rjust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("rjust", arguments, {"width", "fillchar"});
  return padded(runtime, self, fill_character(parameters), missing(self, parameters), 0);
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("zfill", arguments, {"width"});
  const Text& text = self.text();
  const bool sign = text.view().starts_with('+') || text.view().starts_with('-');
  Text out = text.slice(0, sign ? 1 : 0);
  out.append(filled(runtime, Text("0"), missing(self, parameters)));
  out.append(text, sign ? 1 : 0, text.size());
  return runtime.like(self, std::move(out));
}

Value expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("expandtabs", arguments, {"tabsize"});
  const std::int64_t size = parameters.get_integer(0, 8);
  const Text& text = self.text();
  Text out;
  std::int64_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.view().substr(at));
    if (c.code == '\t') {
      const std::int64_t width = size <= 0 ? 0 : size - column % size;
      out.append(filled(runtime,
                        text.slice(at, at + 1).has_user() ? Text::from_user(" ") : Text(" "),
                        static_cast<std::size_t>(width)));
      column += width;
    } else {
      out.append(text, at, at + c.length);
      column = c.code == '\n' || c.code == '\r' ? 0 : column + 1;
    }
    at += c.length;
  }
  return runtime.like(self, std::move(out));
}

constexpr MethodEntry kMethods[] = {
    {"center", center}, {"ljust", ljust},           {"rjust", rjust},
    {"zfill", zfill},   {"expandtabs", expandtabs}, {"format", brace_format},
};

}  // namespace

std::span<const MethodEntry> string_layout_methods() { return kMethods; }

}  // namespace lathe::jinja
