// Filters of text.
#include <algorithm>

#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/percent_format.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

template <auto recase>
Value recased(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("a filter of case", arguments, {});
  const Value string = as_string(runtime, value);
  return runtime.like(string, recase(string.text()));
}

// A word begins after white space, "-", and an opening bracket; unlike in str.title().
Text title_words(const Text& text) {
  constexpr std::size_t kNowhere = std::u32string_view::npos;
  Text out;
  std::string piece;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.view().substr(at));
    piece.clear();
    if (in_word) {
      append_lower(text.view(), at, piece);
    } else {
      append_upper(c.code, piece);
    }
    out.append(piece, text.is_user(at));
    in_word = !is_space(c.code) && std::u32string_view(U"-({[<").find(c.code) == kNowhere;
    at += c.length;
  }
  return out;
}

Value string(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("string", arguments, {});
  return as_string(runtime, value);
}

Value trim(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("trim", arguments, {"chars"});
  std::optional<std::string_view> characters;
  if (!parameters.is_none(0)) {
    characters = require_string(parameters.at(0), "what is trimmed").view();
  }
  const Value text = as_string(runtime, value);
  runtime.spend_bytes(text.text().size() + (characters ? characters->size() : 0));
  return runtime.like(text, stripped(text.text(), characters));
}

Value replace(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"});
  const std::int64_t count = parameters.is_none(2) ? -1 : parameters.get_integer(2, -1);
  return runtime.string(replaced(runtime, to_text(runtime, value),
                                 to_text(runtime, parameters.at(0)),
                                 to_text(runtime, parameters.at(1)), count));
}

Value center(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("center", arguments, {"width"});
  Arguments width;
  width.positional.push_back(Value::integer(parameters.get_integer(0, 80)));
  return (*find_string_method("center"))(runtime, as_string(runtime, value), width);
}

Value format(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    fail_invalid("format takes arguments by position or by name, not both");
  }
  const Value text = as_string(runtime, value);
  if (arguments.named.empty()) {
    return percent_format(runtime, text, runtime.tuple(arguments.positional));
  }
  auto names = std::make_shared<DictObject>(runtime.heap());
  for (const auto& [name, argument] : arguments.named) names->set(name, argument);
  return percent_format(runtime, text, Value::dict(std::move(names)));
}

// The lines of `text` behind `indention`; the first one with `first`, empty ones with `blank`.
Text indented(Runtime& runtime, const Text& text, const Text& indention, bool first, bool blank) {
  Text whole = text;
  whole.append("\n");  // so that a last line which is empty counts as one
  Text out;
  bool begins = true;
  for (const Text& line : split_lines(runtime, whole, false)) {
    if (!begins) out.append("\n");
    if (begins ? first : blank || !line.empty()) out.append(indention);
    begins = false;
    out.append(line);
    runtime.heap().expect(out.size());
  }
  return out;
}

Value indent(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("indent", arguments, {"width", "first", "blank"});
  const Text& text = require_string(value, "what is indented");
  Text indention;
  if (parameters.has(0) && parameters.at(0).is_string()) {
    indention = parameters.at(0).text();
  } else {
    const std::int64_t width = std::max<std::int64_t>(parameters.get_integer(0, 4), 0);
    indention = filled(runtime, Text(" "), static_cast<std::size_t>(width));
  }
  return runtime.like(value, indented(runtime, text, indention, parameters.get_truth(1, false),
                                      parameters.get_truth(2, false)));
}

Value truncate(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const Text end =
      parameters.has(2) ? require_string(parameters.at(2), "truncate's end") : Text("...");
  const std::int64_t length = parameters.get_integer(0, 255);
  const std::int64_t leeway = parameters.is_none(3) ? 5 : parameters.get_integer(3, 5);
  const auto end_length = static_cast<std::int64_t>(character_count(end.view()));
  if (length < end_length) fail_invalid("truncate: the length is less than that of the end");
  if (leeway < 0) fail_invalid("truncate: the leeway is negative");
  if (static_cast<std::int64_t>(length_of(value)) <= length + leeway) return value;
  require_string(value, "what is truncated");
  Text out = value.as_string().characters(0, static_cast<std::size_t>(length - end_length));
  if (!parameters.get_truth(1, false)) {
    out = out.slice(0, std::min(out.view().rfind(' '), out.size()));
  }
  out.append(end);
  return runtime.like(value, std::move(out));
}

Value wordcount(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("wordcount", arguments, {});
  const Text text = to_text(runtime, value);
  std::int64_t words = 0;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.view().substr(at));
    const bool word = is_word(c.code);
    if (word && !in_word) ++words;
    in_word = word;
    at += c.length;
  }
  return Value::integer(words);
}

constexpr FilterEntry kFilters[] = {
    {"upper", recased<uppered>},
    {"lower", recased<lowered>},
    {"capitalize", recased<capitalized>},
    {"title", recased<title_words>},
    {"string", string},
    {"trim", trim},
    {"replace", replace},
    {"center", center},
    {"format", format},
    {"indent", indent},
    {"truncate", truncate},
    {"wordcount", wordcount},
};

}  // namespace

std::span<const FilterEntry> text_filters() { return kFilters; }

}  // namespace lathe::jinja
