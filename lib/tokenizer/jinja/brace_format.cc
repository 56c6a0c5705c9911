#include "tokenizer/jinja/brace_format.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/format_spec.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

std::optional<std::size_t> number(std::string_view text) {
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return out;
}

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Arguments& arguments)
      : runtime_(runtime), arguments_(arguments) {}

  // `nested`: inside of a specification, where fields have none of their own.
  Text run(const Text& format, bool nested) {
    const std::string_view text = format.view();
    Text out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
      out.append(format, at, brace);
      if (brace == text.size()) break;
      if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
        out.append(format, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (text[brace] == '}') fail_invalid("a format has a \"}}\" without its \"{{\"");
      const std::size_t end = field_end(text, brace + 1);
      out.append(field(format.slice(brace + 1, end), nested));
      runtime_.spend();
      runtime_.heap().expect(out.size());
      at = end + 1;
    }
    return out;
  }

 private:
  // The "}" that closes a field which begins at `at`.
  static std::size_t field_end(std::string_view text, std::size_t at) {
    int open = 1;
    bool in_brackets = false;
    for (; at < text.size(); ++at) {
      if (in_brackets) {
        in_brackets = text[at] != ']';
      } else if (text[at] == '[') {
        in_brackets = true;
      } else if (text[at] == '{') {
        ++open;
      } else if (text[at] == '}' && --open == 0) {
        return at;
      }
    }
    fail_invalid("a format has a \"{{\" without its \"}}\"");
  }

  Text field(const Text& whole, bool nested) {
    const std::string_view text = whole.view();
    const std::size_t name_end = std::min(text.find_first_of("!:"), text.size());
    Value value = named(text.substr(0, name_end));
    std::size_t at = name_end;
    if (at < text.size() && text[at] == '!') {
      if (at + 1 == text.size()) fail_invalid("a format has a \"!\" without its conversion");
      value = converted(value, text[at + 1]);
      at += 2;
      if (at < text.size() && text[at] != ':') fail_invalid("a format's \"!\" takes one letter");
    }
    if (at == text.size()) return formatted(value, {});
    if (nested) fail_invalid("a format has fields in fields in fields");
    return formatted(value, run(whole.slice(at + 1, text.size()), true));
  }

  Value converted(const Value& value, char how) {
    if (how == 's') return runtime_.string(to_text(runtime_, value));
    if (how != 'r')
      fail_invalid("a format has the unknown conversion {}", quoted(std::string(1, how)));
    Text out;
    append_repr(runtime_, value, out);
    return runtime_.string(std::move(out));
  }

  Text formatted(const Value& value, const Text& spec) {
    if (spec.empty()) return to_text(runtime_, value);
    require_defined(value);
    return format_value(runtime_, value, parse_format_spec(spec.view()));
  }

  // "0", "name", "", each with ".attribute" and "[key]" behind it.
  Value named(std::string_view path) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    Value value = argument(path.substr(0, end));
    for (std::string_view rest = path.substr(end); !rest.empty();) {
      if (rest.front() == '.') {
        const std::size_t stop = std::min(rest.find_first_of(".[", 1), rest.size());
        if (stop == 1) fail_invalid("a format has an empty attribute");
        value = attribute_of(runtime_, value, rest.substr(1, stop - 1));
        rest.remove_prefix(stop);
      } else if (rest.front() == '[') {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos || close == 1) {
          fail_invalid("a format has an empty key");
        }
        const std::string_view key = rest.substr(1, close - 1);
        const auto index = number(key);
        value = item_of(runtime_, value,
                        index ? Value::integer(static_cast<std::int64_t>(*index))
                              : runtime_.string(std::string(key)));
        rest.remove_prefix(close + 1);
      } else {
        fail_invalid("a format has {} behind a key", quoted(rest));
      }
    }
    return value;
  }

  Value argument(std::string_view name) {
    auto index = number(name);
    if (name.empty() || index) {
      if (index ? counts_ : numbered_) {
        fail_invalid("a format mixes numbered fields and ones without a number");
      }
      (index ? numbered_ : counts_) = true;
      if (!index) index = next_++;
      if (*index >= arguments_.positional.size()) {
        fail_invalid("a format has no argument {}", *index);
      }
      return arguments_.positional[*index];
    }
    for (const auto& [known, value] : arguments_.named) {
      if (known == name) return value;
    }
    fail_invalid("a format has no argument {}", quoted(name));
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  std::size_t next_ = 0;
  bool counts_ = false, numbered_ = false;
};

}  // namespace

Value brace_format(Runtime& runtime, const Value& format, const Arguments& arguments) {
  if (format.is_markup()) fail_unsupported("format() of markup (\"safe\") is not supported");
  return runtime.string(BraceFormatter(runtime, arguments).run(format.text(), false));
}

}  // namespace lathe::jinja
