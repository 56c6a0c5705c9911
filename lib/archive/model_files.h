// The files that a model on disk is made of, or those in an archive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "io/file_set.h"

namespace lathe::archive {

struct ModelFiles {
  std::shared_ptr<const FileSet> set;
  std::vector<std::string> names;  // in the order of their bytes
  std::string open;                // what the model is opened by; "": all, as a folder
};

// A folder (without what is hidden, or no regular file), a file with the others of a split one, or
// an archive's. Throws kIo, and as Archive::open.
ModelFiles model_files(const std::string& path);

}  // namespace lathe::archive
