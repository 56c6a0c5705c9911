#include "checkpoint/small_file.h"

#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::string read_small_file(const std::string& path) {
  return read_small_file(*MappedFile::open(path));
}

std::string read_small_file(const MappedFile& file) {
  constexpr std::size_t kMostBytes = std::size_t{512} << 20;
  const auto bytes = file.bytes();
  if (bytes.size() > kMostBytes) {
    fail(ErrorCode::kLimit, "{}: has {} bytes; files of this kind may have {}", quoted(file.path()),
         bytes.size(), kMostBytes);
  }
  return text_of(bytes);
}

std::string read_small_file_if_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? read_small_file(path) : std::string();
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace lathe
