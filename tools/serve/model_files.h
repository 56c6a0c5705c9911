// The models of a folder, by the names that requests have for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lathe::tool {

struct ModelFile {
  std::string name;  // without its extension, where no other has the same one then
  std::string path;
  std::int64_t written = 0;  // Unix time
  std::uint64_t bytes = 0;   // of its files
};

// What a model's path is called: the file's name without .lathe, .gguf and .archive and without
// the number of a part, or the folder's.
std::string model_name(const std::string& path);

// Files that end so, and folders with a config.json, in the order of their names; of a model in
// parts the first. What begins with a dot is passed over. Throws kIo.
std::vector<ModelFile> model_files(const std::string& folder);

}  // namespace lathe::tool
