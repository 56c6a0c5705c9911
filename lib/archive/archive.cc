#include "archive/archive.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "archive/chunk_index.h"
#include "archive/kept_chunks.h"
#include "archive/model_files.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe::archive {
bool Archive::is_archive(const SafetensorsReader& file) {
  const auto found = file.metadata().find(kKeyFormat);
  return found != file.metadata().end() && found->second == kFormat;
}

Archive::Archive(std::shared_ptr<const SafetensorsReader> file)
    : file_(std::move(file)),
      layout_(read_layout(file_->metadata(), file_->path())),
      indices_(std::make_unique<ChunkIndex[]>(file_->tensors().size())),
      kept_(std::make_unique<KeptChunks>()) {
  const auto tensors = file_->tensors();
  std::size_t next = 0;
  for (const ArchivedFile& one : layout_.files) {
    first_tensor_.push_back(next);
    for (const Part& part : one.parts) {
      if (next == tensors.size()) {
        fail_invalid("{}: the archive lacks parts of {}", quoted(path()), quoted(one.name));
      }
      const TensorEntry& tensor = tensors[next++];
      const std::uint64_t records = part.chunks() * part.record_bytes();
      const bool fits = tensor.dtype == DType::kU8 && tensor.shape.size() == 1 &&
                        tensor.bytes >= records && tensor.bytes - records <= part.bytes;
      if (!fits) {
        fail_invalid("{}: the tensor {} is no part of an archive", quoted(path()),
                     quoted(tensor.name));
      }
    }
  }
  if (next != tensors.size()) {
    fail_invalid("{}: the tensor {} belongs to no file of the archive", quoted(path()),
                 quoted(tensors[next].name));
  }
}

Archive::~Archive() = default;

namespace {

// As the caller says, or the user, or the archive.
std::string find_base(const Archive& archive, const std::string& base) {
  if (!base.empty()) return base;
  const char* named = std::getenv("LATHE_BASE");
  if (named != nullptr && *named != '\0') return named;
  const auto folder = std::filesystem::path(archive.path()).parent_path();
  return (folder / archive.layout().base->path).string();
}

}  // namespace

std::shared_ptr<const Archive> Archive::open(std::shared_ptr<const SafetensorsReader> file,
                                             const std::string& base) {
  std::shared_ptr<Archive> archive(new Archive(std::move(file)));
  if (archive->layout_.base) {
    archive->open_base(find_base(*archive, base));
  }
  return archive;
}

void Archive::open_base(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    fail(ErrorCode::kIo,
         "{}: is the difference to the model {}, and there is none: put it there, or name it in "
         "LATHE_BASE",
         quoted(this->path()), quoted(path));
  }
  const ModelFiles found = model_files(path);
  for (const ArchivedFile& file : layout_.base->files) {
    // Of a base that is one file the name may be another now.
    const bool alone = layout_.base->files.size() == 1 && found.names.size() == 1;
    const std::string& name = alone ? found.names.front() : file.name;
    if (!found.set->has(name)) {
      fail_invalid("{}: is the difference to another model than {}, which has no file {}",
                   quoted(this->path()), quoted(path), quoted(name));
    }
    auto bytes = found.set->open_weights(name);
    if (bytes->bytes().size() != file.bytes) {
      fail_invalid("{}: is the difference to another model: {} has {} bytes, its base {}",
                   quoted(this->path()), quoted(bytes->path()), bytes->bytes().size(), file.bytes);
    }
    base_.push_back(std::move(bytes));
  }
  base_path_ = path;
}

const TensorEntry& Archive::tensor(std::size_t file, std::size_t part) const noexcept {
  return file_->tensors()[first_tensor_[file] + part];
}

bool Archive::unchanged() const noexcept {
  return file_->unchanged() &&
         std::ranges::all_of(base_, [](const auto& file) { return file->unchanged(); });
}

}  // namespace lathe::archive
