#include "checkpoint/model_path.h"

#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

ModelPath::ModelPath(const std::string& path) : path_(path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    files_ = files_of_folder(path);
    return;
  }
  file_ = MappedFile::open(path);
  if (file_->bytes().empty()) fail_invalid("{}: the file is empty", quoted(path));
  const auto& reader = safetensors();
  if (reader == nullptr || !archive::Archive::is_archive(*reader)) {
    files_ = files_of_folder(fs::path(path).parent_path().string());
    return;
  }
  archive_ = archive::Archive::open(reader);
  safetensors_ = nullptr;
  files_ = archive_->files();
  const std::string& name = archive_->layout().open;
  file_ = name.empty() ? nullptr : files_->open_weights(name);
  // Weights alone: what belongs to them may lie beside the archive.
  if (archive_->layout().files.size() == 1 && file_ != nullptr) {
    files_ = files_of_folder(fs::path(path).parent_path().string());
  }
}

std::span<const std::byte> ModelPath::bytes() const noexcept {
  return file_ ? file_->bytes() : std::span<const std::byte>();
}

const std::shared_ptr<const SafetensorsReader>& ModelPath::safetensors() const {
  if (!safetensors_ && SafetensorsReader::looks_like(bytes())) {
    safetensors_ = SafetensorsReader::open(file_);
  }
  return safetensors_;
}

}  // namespace lathe
