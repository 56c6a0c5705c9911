// The filter "tojson" of chat templates: Python's json.dumps(), without HTML escapes.
#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const Parameters& parameters)
      : runtime_(runtime),
        ascii_(parameters.get_truth(0, false)),
        sorts_(parameters.get_truth(3, false)) {
    if (!parameters.is_none(1)) read_indent(parameters.at(1));
    item_separator_ = Text(indent_ ? "," : ", ");
    key_separator_ = Text(": ");
    if (!parameters.is_none(2)) read_separators(parameters.at(2));
  }

  Text run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void read_indent(const Value& indent) {
    if (indent.is_string()) {
      indent_ = indent.text();
      return;
    }
    const std::int64_t width = require_integer(indent, "tojson's indent");
    indent_ =
        filled(runtime_, Text(" "), static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
  }

  void read_separators(const Value& separators) {
    const std::vector<Value> pair = iterate(runtime_, separators);
    if (pair.size() != 2) fail_invalid("tojson's separators are two strings");
    item_separator_ = require_string(pair[0], "a separator of tojson");
    key_separator_ = require_string(pair[1], "a separator of tojson");
  }

  void new_line(int level) {
    if (!indent_) return;
    out_.append("\n");
    for (int i = 0; i < level; ++i) out_.append(*indent_);
  }

  void write(const Value& value, int level) {
    const Runtime::Deeper deeper(runtime_);
    runtime_.spend();
    runtime_.heap().expect(out_.size());
    switch (value.kind()) {
      case Kind::kNone:
        return out_.append("null");
      case Kind::kBool:
        return out_.append(value.as_bool() ? "true" : "false");
      case Kind::kInteger:
        return out_.append(std::to_string(value.as_integer()));
      case Kind::kFloat:
        return out_.append(number(value.as_number()));
      case Kind::kString:
        return write_string(value.text());
      case Kind::kList:
      case Kind::kTuple:
        return write_list(value.items(), level);
      case Kind::kDict:
        return write_dict(value.as_dict(), level);
      default:
        fail_invalid("tojson does not take an object of type {}", type_name(value));
    }
  }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_text(value);
  }

  void write_list(const std::vector<Value>& items, int level) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.append(item_separator_);
      first = false;
      new_line(level + 1);
      write(item, level + 1);
    }
    new_line(level);
    out_.append("]");
  }

  void write_dict(const DictObject& dict, int level) {
    if (dict.size() == 0) return out_.append("{}");
    std::vector<const DictObject::Entry*> entries;
    for (const DictObject::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (sorts_) {
      std::stable_sort(entries.begin(), entries.end(), [this](const auto* a, const auto* b) {
        return less(runtime_, a->first, b->first);
      });
    }
    out_.append("{");
    bool first = true;
    for (const DictObject::Entry* entry : entries) {
      if (!first) out_.append(item_separator_);
      first = false;
      new_line(level + 1);
      write_key(entry->first);
      out_.append(key_separator_);
      write(entry->second, level + 1);
    }
    new_line(level);
    out_.append("}");
  }

  void write_key(const Value& key) {
    if (key.is_string()) return write_string(key.text());
    if (!key.is_number() && !key.is_none()) {
      fail_invalid("tojson does not take a key of type {}", type_name(key));
    }
    out_.append("\"");
    write(key, 0);
    out_.append("\"");
  }

  static std::string short_escape(char32_t c) {
    switch (c) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      case '\r':
        return "\\r";
      case '\t':
        return "\\t";
      case '\b':
        return "\\b";
      case '\f':
        return "\\f";
      default:
        return {};
    }
  }

  static std::string code_escape(char32_t c) {
    const auto code = static_cast<std::uint32_t>(c);
    if (code < 0x10000) return fmt::format("\\u{:04x}", code);
    const std::uint32_t rest = code - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
  }

  void write_string(const Text& text) {
    runtime_.spend_bytes(text.size());
    out_.append("\"");
    std::size_t plain = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text.view().substr(at));
      std::string instead = short_escape(c.code);
      if (instead.empty() && (c.code < 0x20 || (ascii_ && c.code > 0x7e))) {
        instead = code_escape(c.code);
      }
      if (!instead.empty()) {
        out_.append(text, plain, at);
        out_.append(instead, text.is_user(at));
        plain = at + c.length;
      }
      at += c.length;
    }
    out_.append(text, plain, text.size());
    out_.append("\"");
  }

  Runtime& runtime_;
  bool ascii_, sorts_;
  std::optional<Text> indent_;
  Text item_separator_, key_separator_;
  Text out_;
};

}  // namespace

Value to_json(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("tojson", arguments,
                              {"ensure_ascii", "indent", "separators", "sort_keys"});
  return runtime.string(JsonWriter(runtime, parameters).run(value));
}

}  // namespace lathe::jinja
