#include "common/text.h"

#include <cctype>
#include <fmt/format.h>
#include <sstream>

#include "lathe/host/escape.h"

#include "common/fail.h"
#include "common/input.h"

namespace lathe::tool {
namespace {

// What PowerShell writes, and editors that say "Unicode". Its bytes would be read as some text.
bool is_utf16(std::string_view text) noexcept {
  const bool marked = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  return marked && text.size() >= 4 && text.size() % 2 == 0;
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) noexcept {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::string read_text(const std::string& path) {
  std::string text = read_all(path);
  if (is_utf16(text)) {
    fail(ErrorCode::kInvalid, "{}: is UTF-16, not UTF-8: convert it, as iconv -f UTF-16 -t UTF-8",
         path == "-" ? "standard input" : lathe::quoted(path));
  }
  text.erase(0, text.size() - without_byte_order_mark(text).size());
  return text;
}

void drop_blanks_behind(std::string& text) noexcept {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.pop_back();
  }
}

std::vector<std::string> read_list(const std::string& path) {
  std::vector<std::string> out;
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line);) {
    drop_blanks_behind(line);
    if (!line.empty() && !line.starts_with('#')) out.push_back(line);
  }
  return out;
}

void warn_of(const Tool& tool, const Tokenizer& tokenizer) {
  for (const std::string& text : tokenizer.warnings()) tool.warn(text);
}

void warn_of_two_bos(const Tool& tool, const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  if (ids.size() < 2 || ids[0] != ids[1]) return;
  // Of no text: what the tokenizer adds. A file may add a token without saying that it is BOS.
  const std::vector<TokenId> added = tokenizer.encode("");
  if (added.empty() || added[0] != ids[0]) return;
  tool.warn(
      fmt::format("the text begins with {}, which is put in front of it anyhow: it is there twice",
                  lathe::quoted(tokenizer.piece(ids[0]))));
}

}  // namespace lathe::tool
