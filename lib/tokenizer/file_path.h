// Which file of a tokenizer a message is about.
#pragma once

#include <string>
#include <string_view>

#include "lathe/tokenizer_files.h"

namespace lathe {

// "folder/tokenizer.json" for the files of a folder; one file that holds all is its own name.
inline std::string file_path(const TokenizerFiles& files, std::string_view name) {
  return files.origin.ends_with('/') ? files.origin + std::string(name) : files.origin;
}

}  // namespace lathe
