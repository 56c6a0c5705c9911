// Filters that make markup of text, or addresses.
#include <string_view>

#include "base/ascii.h"
#include "base/fail.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

Value safe(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("safe", arguments, {});
  return Value::markup(runtime.heap(), to_text(runtime, value));
}

Value escape(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("escape", arguments, {});
  if (value.is_markup()) return value;
  return Value::markup(runtime.heap(), escaped_markup(to_text(runtime, value)));
}

Value force_escape(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("forceescape", arguments, {});
  return Value::markup(runtime.heap(), escaped_markup(to_text(runtime, value)));
}

// Percent signs for all but letters, digits and "-._~/", as addresses want it.
Value urlencode(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("urlencode", arguments, {});
  if (!value.is_string() && !value.is_number()) {
    fail_unsupported("urlencode of {} is not supported", type_name(value));
  }
  constexpr std::string_view kPlain = "-._~/";
  const Text text = to_text(runtime, value);
  Text out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text.view()[at];
    if (is_ascii_letter(c) || is_ascii_digit(c) || kPlain.find(c) != std::string_view::npos) {
      out.append(text, at, at + 1);
    } else {
      out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), text.is_user(at));
    }
  }
  return runtime.string(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"safe", safe},           {"escape", escape}, {"e", escape}, {"forceescape", force_escape},
    {"urlencode", urlencode},
};

}  // namespace

std::span<const FilterEntry> markup_filters() { return kFilters; }

}  // namespace lathe::jinja
