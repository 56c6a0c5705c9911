// str.find(), str.startswith(), str.replace() and their like.
#include <algorithm>

#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/string_methods.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

// The part of a string that "start" and "end" (parameters 1 and 2) leave, and where it begins.
struct Window {
  std::string_view text;
  std::size_t first = 0;  // characters before it
  bool valid = true;      // false when it begins behind the string's end or its own
};

Window window(Runtime& runtime, const Value& self, const Parameters& parameters) {
  const StringObject& string = self.as_string();
  runtime.spend_bytes(string.text.size());
  const auto length = static_cast<std::int64_t>(string.length);
  const auto bound = [&](std::size_t index, std::int64_t otherwise) {
    if (parameters.is_none(index)) return otherwise;
    const std::int64_t at = parameters.get_integer(index, 0);
    return at < 0 ? std::max<std::int64_t>(at + length, 0) : at;
  };
  const std::int64_t begin = bound(1, 0), end = std::min(bound(2, length), length);
  if (begin > end) return {{}, 0, false};
  const std::size_t from = string.offset(static_cast<std::size_t>(begin));
  const std::size_t to = string.offset(static_cast<std::size_t>(end));
  return {string.text.view().substr(from, to - from), static_cast<std::size_t>(begin), true};
}

Value found(Runtime& runtime, const Value& self, const Arguments& arguments, const char* name,
            bool from_end) {
  const Parameters parameters(name, arguments, {"sub", "start", "end"});
  const std::string_view wanted = require_string(parameters.at(0), "what is looked for").view();
  const Window w = window(runtime, self, parameters);
  const std::size_t at = !w.valid   ? std::string_view::npos
                         : from_end ? rfind_text(runtime, w.text, wanted)
                                    : find_text(runtime, w.text, wanted);
  if (at == std::string_view::npos) return Value::integer(-1);
  return Value::integer(static_cast<std::int64_t>(w.first + character_count(w.text.substr(0, at))));
}

Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return found(runtime, self, arguments, "find", false);
}

Value rfind(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return found(runtime, self, arguments, "rfind", true);
}

Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Value at = found(runtime, self, arguments, "index", false);
  if (at.as_integer() < 0) fail_invalid("index: substring not found");
  return at;
}

Value rindex(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Value at = found(runtime, self, arguments, "rindex", true);
  if (at.as_integer() < 0) fail_invalid("rindex: substring not found");
  return at;
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"sub", "start", "end"});
  const std::string_view wanted = require_string(parameters.at(0), "what is counted").view();
  const Window w = window(runtime, self, parameters);
  if (!w.valid) return Value::integer(0);
  if (wanted.empty()) {
    return Value::integer(static_cast<std::int64_t>(character_count(w.text) + 1));
  }
  std::int64_t times = 0;
  for (std::size_t at = find_text(runtime, w.text, wanted); at != std::string_view::npos;
       at = find_text(runtime, w.text, wanted, at + wanted.size())) {
    ++times;
  }
  return Value::integer(times);
}

// Whether one of what parameter 0 holds, a string or a tuple of them, stands at that end.
template <bool at_begin>
Value stands(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters(at_begin ? "startswith" : "endswith", arguments,
                              {"prefix", "start", "end"});
  const Window w = window(runtime, self, parameters);
  const auto matches = [&](const Value& wanted) {
    const std::string_view text =
        require_string(wanted, "what a string starts or ends with").view();
    return w.valid && (at_begin ? w.text.starts_with(text) : w.text.ends_with(text));
  };
  const Value& wanted = parameters.at(0);
  if (wanted.kind() != Kind::kTuple) return Value::boolean(matches(wanted));
  return Value::boolean(std::ranges::any_of(wanted.items(), matches));
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"});
  const auto argument = [&](std::size_t i) {
    const Text& text = require_string(parameters.at(i), "what replace() takes");
    return self.is_markup() && !parameters.at(i).is_markup() ? escaped_markup(text) : text;
  };
  return runtime.like(self, replaced(runtime, self.text(), argument(0), argument(1),
                                     parameters.get_integer(2, -1)));
}

template <bool at_begin>
Value remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters(at_begin ? "removeprefix" : "removesuffix", arguments, {"affix"});
  const std::string_view affix = require_string(parameters.at(0), "what is removed").view();
  const Text& text = self.text();
  if constexpr (at_begin) {
    const std::size_t begin = text.view().starts_with(affix) ? affix.size() : 0;
    return runtime.like(self, text.slice(begin, text.size()));
  } else {
    const std::size_t cut = text.view().ends_with(affix) ? affix.size() : 0;
    return runtime.like(self, text.slice(0, text.size() - cut));
  }
}

constexpr MethodEntry kMethods[] = {
    {"find", find},
    {"rfind", rfind},
    {"index", index},
    {"rindex", rindex},
    {"count", count},
    {"startswith", stands<true>},
    {"endswith", stands<false>},
    {"replace", replace},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
};

}  // namespace

std::span<const MethodEntry> string_search_methods() { return kMethods; }

}  // namespace lathe::jinja
