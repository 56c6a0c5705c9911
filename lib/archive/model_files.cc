#include "archive/model_files.h"

#include <algorithm>
#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe::archive {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

ModelFiles of_folder(const std::string& folder) {
  ModelFiles out;
  out.set = files_of_folder(folder);
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file()) {
      out.names.push_back(at->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) {
    fail(ErrorCode::kIo, "{}: cannot list the folder: {}", quoted(folder), error.message());
  }
  std::ranges::sort(out.names);
  return out;
}

// "x-00001-of-00003.gguf": all three.
std::vector<std::string> splits_of(const std::string& name) {
  constexpr std::string_view kFirst = "-00001-of-", kEnd = ".gguf";
  const std::size_t at = name.rfind(kFirst);
  const std::size_t count_at = at + kFirst.size();
  if (at == std::string::npos || !name.ends_with(kEnd) ||
      name.size() != count_at + 5 + kEnd.size()) {
    return {name};
  }
  const std::string count = name.substr(count_at, 5);
  if (count.find_first_not_of("0123456789") != std::string::npos) return {name};
  std::vector<std::string> out;
  for (int i = 1; i <= std::stoi(count); ++i) {
    out.push_back(fmt::format("{}-{:05}-of-{}{}", name.substr(0, at), i, count, kEnd));
  }
  return out;
}

std::vector<std::string> names_of(const Layout& layout) {
  std::vector<std::string> out;
  for (const ArchivedFile& file : layout.files) out.push_back(file.name);
  return out;
}

}  // namespace

ModelFiles model_files(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return of_folder(path);
  const auto file = MappedFile::open(path);
  if (SafetensorsReader::looks_like(file->bytes())) {
    auto reader = SafetensorsReader::open(file);
    if (Archive::is_archive(*reader)) {
      const auto archive = Archive::open(std::move(reader));
      return {archive->files(), names_of(archive->layout()), archive->layout().open};
    }
  }
  const fs::path at(path);
  const std::string name = at.filename().string();
  return {files_of_folder(at.parent_path().string()), splits_of(name), name};
}

}  // namespace lathe::archive
