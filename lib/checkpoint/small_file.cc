#include "checkpoint/small_file.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/folder_file.h"

namespace lathe {

std::string read_small_file(const std::string& path) {
  return read_small_file(*open_text_of_folder(path));
}

std::string read_small_file(const MappedFile& file) {
  constexpr std::size_t kMaxBytes = std::size_t{512} << 20;
  const auto bytes = file.bytes();
  if (bytes.size() > kMaxBytes) {
    fail(ErrorCode::kLimit, "{}: has {} bytes; files of this kind may have {}", quoted(file.path()),
         bytes.size(), kMaxBytes);
  }
  return text_of(bytes);
}

std::string read_small_file(const FileSet& files, const std::string& name) {
  return read_small_file(*files.open_text(name));
}

std::string read_small_file_if_there(const FileSet& files, const std::string& name) {
  return files.has(name) ? read_small_file(files, name) : std::string();
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace lathe
