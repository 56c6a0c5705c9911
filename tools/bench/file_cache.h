// A model's files in the system's page cache.
//
// Errors: kIo (a file cannot be opened or mapped).
#pragma once

#include <string>
#include <vector>

namespace lathe::tool {

// The files behind the path of a model: itself, the other parts of a split GGUF, or what lies in a
// folder.
std::vector<std::string> model_files(const std::string& path);

// Asks the system to forget the files' pages, written ones after writing them. It may keep some:
// those that a process has mapped.
void drop_from_cache(const std::vector<std::string>& files);

// Reads the files, so that all of them is in the cache where memory is large enough.
void read_into_cache(const std::vector<std::string>& files);

// The part of the files' bytes that is in the cache now; 1 where the system doesn't tell this
// user, as of somebody else's file.
double cached_share(const std::vector<std::string>& files);

}  // namespace lathe::tool
