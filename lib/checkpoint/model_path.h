// What a path leads to, looked at once: a folder, or a file, which is mapped here and handed on to
// the reader of its format. Of an archive (lathe/archive.h): what it holds.
//
// Errors: kIo for what is neither folder nor readable file, kInvalid for an empty file; those of
// opening an archive. Not thread-safe; short-lived.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "archive/archive.h"
#include "container/safetensors_reader.h"
#include "io/file_set.h"
#include "io/mapped_file.h"

namespace lathe {

class ModelPath {
 public:
  explicit ModelPath(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  bool is_folder() const noexcept { return file_ == nullptr; }
  // Null for a folder.
  const std::shared_ptr<const MappedFile>& file() const noexcept { return file_; }
  // The folder, or the one that the file lies in.
  const FileSet& files() const noexcept { return *files_; }
  // Null for what lies on disk as it is.
  const std::shared_ptr<const archive::Archive>& archive() const noexcept { return archive_; }
  // Of the file; none for a folder.
  std::span<const std::byte> bytes() const noexcept;

  // The file as safetensors, which two formats are made of; null where it does not begin as they
  // do. The first call reads the header, and throws kInvalid for a broken one.
  const std::shared_ptr<const SafetensorsReader>& safetensors() const;

 private:
  std::string path_;
  std::shared_ptr<const MappedFile> file_;
  std::shared_ptr<const FileSet> files_;
  std::shared_ptr<const archive::Archive> archive_;
  mutable std::shared_ptr<const SafetensorsReader> safetensors_;
};

}  // namespace lathe
