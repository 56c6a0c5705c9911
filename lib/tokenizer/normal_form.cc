// Unicode normal forms by utf8proc's tables. ASCII is its own normal form and never joins what
// stands before it, so only stretches of other characters, each with the ASCII character before
// it, are looked at.
//
// Marks are brought into their order here: utf8proc inserts each in turn, which takes quadratic
// time over a long run of them.
#include <algorithm>
#include <array>
#include <span>
#include <utf8proc.h>
#include <vector>

#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/normalizer.h"

namespace lathe {
namespace {

using CodePoint = utf8proc_int32_t;

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

void check(utf8proc_ssize_t result) {
  if (result < 0) {
    fail(ErrorCode::kLimit, "the text cannot be brought into a normal form: {}",
         utf8proc_errmsg(result));
  }
}

void append_decomposed(char32_t c, utf8proc_option_t options, std::vector<CodePoint>& out) {
  std::array<CodePoint, 32> parts{};  // the longest has 18
  int unused = UTF8PROC_BOUNDCLASS_START;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<CodePoint>(c), parts.data(),
                                                         parts.size(), options, &unused);
  check(count);
  if (static_cast<std::size_t>(count) > parts.size()) {
    fail(ErrorCode::kBug, "U+{:04X} decomposes into {} characters", static_cast<std::uint32_t>(c),
         count);
  }
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

// The canonical ordering: each run of characters that combine, stably by their class.
void order_marks(std::span<CodePoint> text) {
  struct Mark {
    utf8proc_propval_t combining;
    CodePoint code;
  };
  std::vector<Mark> run;
  const auto combining = [](CodePoint c) { return utf8proc_get_property(c)->combining_class; };
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] < 0x300 || combining(text[at]) == 0) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    run.clear();
    for (; at < text.size(); ++at) {
      const utf8proc_propval_t kind = combining(text[at]);
      if (kind == 0) break;
      run.push_back({kind, text[at]});
    }
    if (run.size() == 1) continue;
    std::ranges::stable_sort(run, {}, &Mark::combining);
    std::ranges::transform(run, text.begin() + static_cast<std::ptrdiff_t>(begin), &Mark::code);
  }
}

}  // namespace

std::string normal_form(std::string_view text, NormalForm form) {
  const bool composed = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
      (compatible ? UTF8PROC_COMPAT : 0));
  std::string out;
  out.reserve(text.size());
  std::vector<CodePoint> stretch;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t other = at;
    while (other < text.size() && is_ascii(text[other])) ++other;
    if (other == text.size()) {
      out += text.substr(at);
      break;
    }
    const std::size_t begin = other > at ? other - 1 : other;
    out += text.substr(at, begin - at);
    stretch.clear();
    for (at = begin; at < text.size() && (at <= other || !is_ascii(text[at]));) {
      const Utf8Char c = decode_utf8(text.substr(at));
      append_decomposed(c.code, options, stretch);
      at += c.length;
    }
    order_marks(stretch);
    auto size = static_cast<utf8proc_ssize_t>(stretch.size());
    if (composed) size = utf8proc_normalize_utf32(stretch.data(), size, options);
    check(size);
    for (utf8proc_ssize_t i = 0; i < size; ++i) {
      append_utf8(static_cast<char32_t>(stretch[static_cast<std::size_t>(i)]), out);
    }
  }
  return out;
}

}  // namespace lathe
