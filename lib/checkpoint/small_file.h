// Files that are read whole: configurations, tokenizers. At most 512 MB: kLimit for more; by path,
// they are those of a model's folder, with the errors of io/folder_file.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/file_set.h"
#include "io/mapped_file.h"

namespace lathe {

std::string read_small_file(const std::string& path);
std::string read_small_file(const MappedFile& file);
std::string read_small_file(const FileSet& files, const std::string& name);
// "" for an absent file.
std::string read_small_file_if_there(const FileSet& files, const std::string& name);

std::string text_of(std::span<const std::byte> bytes);

}  // namespace lathe
