// A folder for files that nobody needs afterwards, in $TMPDIR (/tmp).
//
// It is ours alone (mode 0700, with a name that nobody can foretell), so nobody else can put a
// file in the way. It goes, with the files in it, when the object does; on a signal
// remove_temporary_outputs() (lathe/host/output_file.h) removes it.
//
// Errors: kIo, naming the folder. Not thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

class LATHE_API TemporaryFolder {
 public:
  // The folder is called PREFIX-XXXXXXXXXXXXXXXX.
  explicit TemporaryFolder(std::string_view prefix);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const noexcept { return path_; }
  // Where to put a file of that name.
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace lathe
