#include "tokenizer/jinja/markup.h"

namespace lathe::jinja {
namespace {

std::string_view reference(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\'':
      return "&#39;";
    case '"':
      return "&#34;";
    default:
      return {};
  }
}

}  // namespace

Text escaped_markup(const Text& text) {
  Text out;
  std::size_t plain = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view instead = reference(text.view()[at]);
    if (instead.empty()) continue;
    out.append(text, plain, at);
    out.append(instead, text.is_user(at));
    plain = at + 1;
  }
  out.append(text, plain, text.size());
  return out;
}

}  // namespace lathe::jinja
