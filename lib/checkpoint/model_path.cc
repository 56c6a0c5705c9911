#include "checkpoint/model_path.h"

#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

ModelPath::ModelPath(const std::string& path) : path_(path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return;
  file_ = MappedFile::open(path);
  if (file_->bytes().empty()) fail_invalid("{}: the file is empty", quoted(path));
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
