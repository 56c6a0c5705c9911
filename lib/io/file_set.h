// The files that make up a model, by their names: a folder on disk, or what an archive holds.
//
// Names are relative, with '/' before what lies in a folder further inside. Texts and weights are
// opened as io/folder_file.h has it. Errors: kIo, kInvalid; all name the path. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"

namespace lathe {

class FileSet {
 public:
  virtual ~FileSet();
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // What messages call the whole.
  const std::string& path() const noexcept { return path_; }
  std::string path_of(std::string_view name) const;

  virtual bool has(const std::string& name) const = 0;
  virtual std::shared_ptr<const MappedFile> open_text(const std::string& name) const = 0;
  virtual std::shared_ptr<const MappedFile> open_weights(const std::string& name) const = 0;
  // Of the files directly in a folder of the set, in the order of their bytes; none where there is
  // no such folder.
  virtual std::vector<std::string> names_in(const std::string& folder) const = 0;

 protected:
  explicit FileSet(std::string path) : path_(std::move(path)) {}

 private:
  std::string path_;
};

// A folder on disk; "" is the current one.
std::shared_ptr<const FileSet> files_of_folder(const std::string& folder);

}  // namespace lathe
