// Files of a folder that get their names together.
//
// Each is written to a temporary of its own (lathe/host/output_file.h). What fails before all are
// written leaves none of them; what fails while they get their names takes back those that were
// new. A folder that was made for them goes with them.
//
// Errors: kIo, naming the path. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/host/output_file.h"

namespace lathe::tool {

class FileSet {
 public:
  // Makes the folder where it is missing. `force`: files may be replaced.
  FileSet(std::string folder, bool force);
  ~FileSet();
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  void add(const std::string& name, std::string_view text);
  void commit();

 private:
  struct File {
    std::string path;
    bool existed = false;
    std::unique_ptr<OutputFile> output;
  };

  std::string folder_;
  bool force_;
  bool made_folder_ = false, done_ = false;
  std::vector<File> files_;
  std::vector<std::string> fresh_;  // committed, and not there before
};

}  // namespace lathe::tool
