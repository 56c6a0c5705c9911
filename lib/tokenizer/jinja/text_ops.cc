#include "tokenizer/jinja/text_ops.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/checked.h"
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/unicode.h"

namespace lathe::jinja {
namespace {

// Appends the character at `at` in some case.
using AppendCase = std::function<void(char32_t c, std::size_t at, std::string& out)>;

Text recased(const Text& text, const AppendCase& append) {
  Text out;
  std::string piece;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.view().substr(at));
    piece.clear();
    if (c.valid) {
      append(c.code, at, piece);
    } else {
      piece = text.view().substr(at, c.length);
    }
    out.append(piece, text.is_user(at));
    at += c.length;
  }
  return out;
}

// The characters that are stripped: white space, or those of a text.
class Stripped {
 public:
  explicit Stripped(const std::optional<std::string_view>& characters) : space_(!characters) {
    if (space_) return;
    for (std::size_t at = 0; at < characters->size();) {
      const Utf8Char c = decode_utf8(characters->substr(at));
      codes_.push_back(c.code);
      at += c.length;
    }
    std::ranges::sort(codes_);
  }
  bool has(char32_t c) const {
    return space_ ? is_space(c) : std::ranges::binary_search(codes_, c);
  }

 private:
  bool space_;
  std::vector<char32_t> codes_;
};

// The parts of a text, as long as there is room for them.
class Parts {
 public:
  explicit Parts(Runtime& runtime) : runtime_(runtime) {}
  void add(Text part) {
    runtime_.heap().expect(parts_.size() * (sizeof(StringObject) + sizeof(Value) + sizeof(Text)));
    parts_.push_back(std::move(part));
  }
  std::int64_t count() const { return static_cast<std::int64_t>(parts_.size()); }
  std::vector<Text> take(bool reversed = false) {
    if (reversed) std::ranges::reverse(parts_);
    return std::move(parts_);
  }

 private:
  Runtime& runtime_;
  std::vector<Text> parts_;
};

std::vector<Text> split_at_space(Runtime& runtime, const Text& text, std::int64_t most) {
  Parts out(runtime);
  const std::string_view bytes = text.view();
  std::size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < bytes.size()) {
      const Utf8Char c = decode_utf8(bytes.substr(at));
      if (is_space(c.code) != space) break;
      at += c.length;
    }
  };
  for (skip(true); at < bytes.size(); skip(true)) {
    if (most >= 0 && out.count() == most) {
      out.add(stripped(text.slice(at, bytes.size()), {}, false, true));
      break;
    }
    const std::size_t begin = at;
    skip(false);
    out.add(text.slice(begin, at));
  }
  return out.take();
}

std::vector<Text> split_at_space_from_end(Runtime& runtime, const Text& text, std::int64_t most) {
  Parts out(runtime);
  const std::string_view bytes = text.view();
  std::size_t end = bytes.size();
  const auto skip = [&](bool space) {
    while (end > 0) {
      std::size_t size = 0;
      if (is_space(char_before(bytes, end, size)) != space) break;
      end -= size;
    }
  };
  for (skip(true); end > 0; skip(true)) {
    if (most >= 0 && out.count() == most) {
      out.add(stripped(text.slice(0, end), {}, true, false));
      break;
    }
    const std::size_t last = end;
    skip(false);
    out.add(text.slice(end, last));
  }
  return out.take(true);
}

std::vector<Text> split_at(Runtime& runtime, const Text& text, std::string_view separator,
                           std::int64_t most, bool from_end) {
  Parts out(runtime);
  const std::string_view bytes = text.view();
  std::size_t begin = 0, end = bytes.size();
  for (std::int64_t cuts = 0; most < 0 || cuts < most; ++cuts) {
    const std::size_t at = from_end ? rfind_text(runtime, bytes, separator, end)
                                    : find_text(runtime, bytes, separator, begin);
    if (at == std::string_view::npos) break;
    if (from_end) {
      out.add(text.slice(at + separator.size(), end));
      end = at;
    } else {
      out.add(text.slice(begin, at));
      begin = at + separator.size();
    }
  }
  out.add(text.slice(begin, end));
  return out.take(from_end);
}

// `to` in front of every character and at the end.
Text spread(Runtime& runtime, const Text& text, const Text& to, std::int64_t count) {
  Text out;
  std::size_t at = 0;
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    runtime.heap().expect(out.size() + to.size());
    out.append(to);
    if (at == text.size()) return out;
    const std::size_t length = decode_utf8(text.view().substr(at)).length;
    out.append(text, at, at + length);
    at += length;
  }
  out.append(text, at, text.size());
  return out;
}

}  // namespace

Text stripped(const Text& text, std::optional<std::string_view> characters, bool left, bool right) {
  const Stripped goes(characters);
  std::size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const Utf8Char c = decode_utf8(text.view().substr(begin));
    if (!goes.has(c.code)) break;
    begin += c.length;
  }
  while (right && begin < end) {
    std::size_t length = 0;
    if (!goes.has(char_before(text.view(), end, length))) break;
    end -= length;
  }
  return text.slice(begin, end);
}

Text uppered(const Text& text) {
  return recased(text, [](char32_t c, std::size_t, std::string& out) { append_upper(c, out); });
}

Text lowered(const Text& text) {
  return recased(text, [&](char32_t, std::size_t at, std::string& out) {
    append_lower(text.view(), at, out);
  });
}

Text titled(const Text& text) {
  bool in_word = false;
  return recased(text, [&](char32_t c, std::size_t at, std::string& out) {
    if (in_word) {
      append_lower(text.view(), at, out);
    } else {
      append_title(c, out);
    }
    in_word = is_cased(c);
  });
}

Text capitalized(const Text& text) {
  return recased(text, [&](char32_t c, std::size_t at, std::string& out) {
    if (at == 0) {
      append_title(c, out);
    } else {
      append_lower(text.view(), at, out);
    }
  });
}

Text case_swapped(const Text& text) {
  return recased(text, [&](char32_t c, std::size_t at, std::string& out) {
    if (is_upper(c)) {
      append_lower(text.view(), at, out);
    } else if (is_lower(c)) {
      append_upper(c, out);
    } else {
      append_utf8(c, out);
    }
  });
}

Text replaced(Runtime& runtime, const Text& text, const Text& from, const Text& to,
              std::int64_t count) {
  runtime.spend_bytes(text.size());
  if (from.empty()) return spread(runtime, text, to, count);
  Text out;
  std::size_t begin = 0;
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    const std::size_t at = find_text(runtime, text.view(), from.view(), begin);
    if (at == std::string_view::npos) break;
    runtime.heap().expect(out.size() + (at - begin) + to.size());
    out.append(text, begin, at);
    out.append(to);
    begin = at + from.size();
  }
  out.append(text, begin, text.size());
  return out;
}

std::vector<Text> split_text(Runtime& runtime, const Text& text,
                             std::optional<std::string_view> separator, std::int64_t most,
                             bool from_end) {
  if (separator) return split_at(runtime, text, *separator, most, from_end);
  return from_end ? split_at_space_from_end(runtime, text, most)
                  : split_at_space(runtime, text, most);
}

std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends) {
  Parts out(runtime);
  const std::string_view bytes = text.view();
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes.substr(at));
    if (!breaks_line(c.code)) {
      at += c.length;
      continue;
    }
    const std::size_t end = at;
    at += c.length;
    if (c.code == '\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    out.add(text.slice(begin, keep_ends ? at : end));
    begin = at;
  }
  if (begin < bytes.size()) out.add(text.slice(begin, bytes.size()));
  return out.take();
}

Text filled(Runtime& runtime, const Text& fill, std::size_t count) {
  runtime.heap().expect(checked_mul(fill.size(), count).value_or(SIZE_MAX));
  Text out;
  for (std::size_t i = 0; i < count; ++i) out.append(fill);
  return out;
}

std::size_t find_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                      std::size_t from) {
  if (wanted.empty()) return from;
  if (from >= text.size()) return std::string_view::npos;
  const char* begin = text.data() + from;
  // Linear in both, which std::string_view::find is not.
  const void* found = memmem(begin, text.size() - from, wanted.data(), wanted.size());
  const std::size_t at =
      found == nullptr ? std::string_view::npos
                       : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  runtime.spend_bytes((found == nullptr ? text.size() : at) - from);
  return at;
}

std::size_t rfind_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                       std::size_t end) {
  text = text.substr(0, end);
  // Every place may have to compare most of `wanted`.
  runtime.spend_bytes(text.size());
  const std::size_t at = text.rfind(wanted);
  const std::size_t passed = at == std::string_view::npos ? text.size() : text.size() - at;
  if (wanted.size() > 64) runtime.spend(passed / 64 * (wanted.size() / 64));
  return at;
}

std::size_t character_count(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace lathe::jinja
