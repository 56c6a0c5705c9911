// Options of convert that store a model in fewer bytes, and the way back.
#pragma once

#include <string>

#include "common/tool.h"

namespace lathe::tool {

struct ArchiveRequest {
  bool archive = false;
  std::string diff;  // to this model

  bool any() const { return archive || !diff.empty(); }
};

void add_archive_options(Tool& tool, ArchiveRequest& request);

int archive(const Tool& tool, const std::string& model, const ArchiveRequest& request);

// Whether `input` is an archive, and `output` names what it was made of: a file of the same
// extension, or a folder.
bool is_restored(const std::string& input, const std::string& output);

int restore(const Tool& tool, const std::string& archive);

}  // namespace lathe::tool
