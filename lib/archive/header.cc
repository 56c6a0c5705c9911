#include "archive/header.h"

#include <fmt/format.h>
#include <set>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "base/utf8.h"
#include "container/safetensors_header.h"

namespace lathe::archive {
namespace {

constexpr std::size_t kAlignment = 64;

void check_names(std::span<const std::string> names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!is_valid_utf8(name)) fail_invalid("{}: the name is not UTF-8", quoted(name));
    if (!seen.insert(name).second) fail_invalid("{}: is there twice", quoted(name));
  }
}

}  // namespace

std::string archive_header(const std::map<std::string, std::string>& metadata,
                           std::span<const std::string> names, std::span<const std::uint64_t> sizes,
                           std::size_t room) {
  check_names(names);
  std::string text = R"({"__metadata__":{)";
  for (const auto& [key, value] : metadata) {
    if (!text.ends_with('{')) text += ',';
    text += json_quote(key) + ':' + json_quote(value);
  }
  text += '}';
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format(R"(,{}:{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}})",
                        json_quote(names[i]), sizes[i], at, at + sizes[i]);
    at += sizes[i];
  }
  text += '}';
  const std::size_t needed = 8 + text.size();
  if (room == 0) room = (needed + kAlignment - 1) / kAlignment * kAlignment;
  if (needed > room) {
    fail(ErrorCode::kBug, "the archive's header has {} bytes, more than the {} kept for it", needed,
         room);
  }
  if (room - 8 > kSafetensorsMostHeader) {
    fail(ErrorCode::kLimit, "the archive's header would have {} bytes, more than safetensors' {}",
         room - 8, kSafetensorsMostHeader);
  }
  text.resize(room - 8, ' ');
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    out += static_cast<char>((static_cast<std::uint64_t>(room - 8) >> (8 * i)) & 0xff);
  }
  return out + text;
}

}  // namespace lathe::archive
