#include "constraint/char_classes.h"

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utf8proc.h>

namespace lathe {

const CharSet& digit_chars() {
  static const CharSet set('0', '9');
  return set;
}

const CharSet& word_chars() {
  static const CharSet set = [] {
    CharSet out('a', 'z');
    out.add('A', 'Z');
    out.add('0', '9');
    out.add('_', '_');
    return out;
  }();
  return set;
}

// ECMA-262, 12.2 and 12.3: white space and line terminators.
const CharSet& space_chars() {
  static const CharSet set = [] {
    CharSet out('\t', '\r');
    out.add(' ', ' ');
    out.add(0xa0, 0xa0);
    out.add(0x1680, 0x1680);
    out.add(0x2000, 0x200a);
    out.add(0x2028, 0x2029);
    out.add(0x202f, 0x202f);
    out.add(0x205f, 0x205f);
    out.add(0x3000, 0x3000);
    out.add(0xfeff, 0xfeff);
    return out;
  }();
  return set;
}

const CharSet& line_chars() {
  static const CharSet set = [] {
    CharSet ends('\n', '\n');
    ends.add('\r', '\r');
    ends.add(0x2028, 0x2029);
    return ends.complement();
  }();
  return set;
}

std::optional<CharSet> category_chars(std::string_view name) {
  if (name == "Any") return CharSet::all();
  if (name == "ASCII") return CharSet(0, 0x7f);
  for (const std::string_view prefix : {"gc=", "General_Category="}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  if (name.empty() || name.size() > 2) return std::nullopt;
  static std::mutex mutex;
  static std::map<std::string, CharSet, std::less<>> known;
  const std::lock_guard lock(mutex);
  if (const auto at = known.find(name); at != known.end()) return at->second;
  CharSet out;
  char32_t first = 0;
  bool inside = false;
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    const bool in = std::string_view(utf8proc_category_string(static_cast<utf8proc_int32_t>(c)))
                        .starts_with(name);
    if (in == inside) continue;
    if (in) first = c;
    if (!in) out.add(first, c - 1);
    inside = in;
  }
  if (inside) out.add(first, 0x10ffff);
  if (out.empty()) return std::nullopt;
  known.emplace(name, out);
  return out;
}

}  // namespace lathe
