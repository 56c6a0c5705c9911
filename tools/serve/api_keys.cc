#include "serve/api_keys.h"

#include <algorithm>
#include <cstddef>

#include "common/fail.h"
#include "common/text.h"

namespace lathe::tool {
namespace {

bool same(std::string_view key, std::string_view shown) {
  unsigned difference = key.size() == shown.size() ? 0 : 1;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char other = shown.empty() ? '\0' : shown[i % shown.size()];
    difference |= static_cast<unsigned>(static_cast<unsigned char>(key[i])) ^
                  static_cast<unsigned>(static_cast<unsigned char>(other));
  }
  return difference == 0;
}

}  // namespace

std::vector<std::string> read_api_keys(const std::string& path) {
  std::vector<std::string> out = read_list(path);
  for (const std::string& key : out) {
    if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= ' ' || c > '~'; })) {
      fail(ErrorCode::kInvalid, "{}: a key has letters, digits and marks of ASCII, and no blanks",
           lathe::quoted(path));
    }
  }
  if (out.empty()) fail(ErrorCode::kInvalid, "{}: there is no key in it", lathe::quoted(path));
  return out;
}

bool is_authorized(const std::vector<std::string>& keys, std::string_view header) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!header.starts_with(kScheme)) return false;
  bool found = false;
  for (const std::string& key : keys) found = same(key, header.substr(kScheme.size())) || found;
  return found;
}

}  // namespace lathe::tool
