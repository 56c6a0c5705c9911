// str.split(), str.join(), str.strip() and their like.
#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/string_methods.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

Value list_of(Runtime& runtime, const Value& self, std::vector<Text> parts) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (Text& part : parts) values.push_back(runtime.like(self, std::move(part)));
  return runtime.list(std::move(values));
}

template <bool from_end>
Value split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters(from_end ? "rsplit" : "split", arguments, {"sep", "maxsplit"});
  std::optional<std::string_view> separator;
  if (!parameters.is_none(0)) {
    separator = require_string(parameters.at(0), "a separator").view();
    if (separator->empty()) fail_invalid("split by an empty separator");
  }
  runtime.spend_bytes(self.text().size());
  return list_of(
      runtime, self,
      split_text(runtime, self.text(), separator, parameters.get_integer(1, -1), from_end));
}

Value split_into_lines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("splitlines", arguments, {"keepends"});
  runtime.spend_bytes(self.text().size());
  return list_of(runtime, self, split_lines(runtime, self.text(), parameters.get_truth(0, false)));
}

template <bool from_end>
Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters(from_end ? "rpartition" : "partition", arguments, {"sep"});
  const Text& separator = require_string(parameters.at(0), "a separator");
  if (separator.empty()) fail_invalid("partition by an empty separator");
  const Text& text = self.text();
  runtime.spend_bytes(text.size());
  const std::size_t at = from_end ? rfind_text(runtime, text.view(), separator.view())
                                  : find_text(runtime, text.view(), separator.view());
  std::vector<Value> parts;
  if (at == std::string_view::npos) {
    parts = {runtime.like(self, {}), runtime.like(self, {})};
    parts.insert(from_end ? parts.end() : parts.begin(), self);
  } else {
    parts = {runtime.like(self, text.slice(0, at)), runtime.like(self, separator),
             runtime.like(self, text.slice(at + separator.size(), text.size()))};
  }
  return runtime.tuple(std::move(parts));
}

template <bool left, bool right>
Value strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("strip", arguments, {"chars"});
  std::optional<std::string_view> characters;
  if (!parameters.is_none(0)) {
    characters = require_string(parameters.at(0), "what is stripped").view();
  }
  runtime.spend_bytes(self.text().size() + (characters ? characters->size() : 0));
  return runtime.like(self, stripped(self.text(), characters, left, right));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"iterable"});
  Text out;
  bool first = true;
  for (const Value& item : iterate(runtime, parameters.at(0))) {
    if (!first) out.append(self.text());
    first = false;
    const Text& text = require_string(item, "what is joined");
    runtime.heap().expect(out.size() + self.text().size() + text.size());
    out.append(self.is_markup() && !item.is_markup() ? escaped_markup(text) : text);
  }
  return runtime.like(self, std::move(out));
}

constexpr MethodEntry kMethods[] = {
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", split_into_lines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"strip", strip<true, true>},
    {"lstrip", strip<true, false>},
    {"rstrip", strip<false, true>},
    {"join", join},
};

}  // namespace

std::span<const MethodEntry> string_split_methods() { return kMethods; }

}  // namespace lathe::jinja
