#include "io/file_set.h"

#include <algorithm>
#include <filesystem>

#include "io/folder_file.h"

namespace lathe {
namespace {

class DiskFolder final : public FileSet {
 public:
  explicit DiskFolder(std::string path) : FileSet(std::move(path)) {}

  bool has(const std::string& name) const override { return is_there(path_of(name)); }
  std::shared_ptr<const MappedFile> open_text(const std::string& name) const override {
    return open_text_of_folder(path_of(name));
  }
  std::shared_ptr<const MappedFile> open_weights(const std::string& name) const override {
    return open_weights_of_folder(path_of(name));
  }
  std::vector<std::string> names_in(const std::string& folder) const override {
    std::vector<std::string> out;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path_of(folder), ignored)) {
      out.push_back(entry.path().filename().string());
    }
    std::ranges::sort(out);
    return out;
  }
};

}  // namespace

FileSet::~FileSet() = default;

std::string FileSet::path_of(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::shared_ptr<const FileSet> files_of_folder(const std::string& folder) {
  return std::make_shared<DiskFolder>(folder.empty() ? "." : folder);
}

}  // namespace lathe
