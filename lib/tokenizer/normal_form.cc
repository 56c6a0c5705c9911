// Unicode normal forms by utf8proc. ASCII is its own normal form and never joins what stands
// before it, so only stretches of other characters, each with the ASCII character before it,
// go through the library.
#include <cstdlib>
#include <memory>
#include <new>
#include <utf8proc.h>

#include "base/fail.h"
#include "tokenizer/normalizer.h"

namespace lathe {
namespace {

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

void append_normal(std::string_view text, utf8proc_option_t options, std::string& out) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &result, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) {
    fail(ErrorCode::kLimit, "the text cannot be brought into a normal form: {}",
         utf8proc_errmsg(size));
  }
  out.append(reinterpret_cast<const char*>(result), static_cast<std::size_t>(size));
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
    std::size_t end = other;
    while (end < text.size() && !is_ascii(text[end])) ++end;
    append_normal(text.substr(begin, end - begin), options, out);
    at = end;
  }
  return out;
}

}  // namespace lathe
