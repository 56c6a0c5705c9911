// model.safetensors.index.json: which shard of a model holds which tensor.
//
//   {"metadata": {"total_size": N, ...}, "weight_map": {"tensor name": "shard file", ...}}
//
// Shard names are plain file names in the index's own folder: separators, "..", absolute names and
// symbolic links that lead out of the folder are refused, so that a downloaded model cannot
// reach other files. (A link is allowed where the index itself is one into the same tree:
// that is how Hugging Face's cache stores snapshots.)
//
// Errors: kInvalid with the file and the JSON path, kIo.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_set.h"

namespace lathe {

struct SafetensorsIndex {
  std::map<std::string, std::string> weight_map;  // tensor -> shard's file name
  std::vector<std::string> shards;                // each once, sorted
};

// `file` names the text in messages.
SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& file);

// Reads the index `name` and checks that each shard exists and lies where it may.
SafetensorsIndex read_safetensors_index(const FileSet& files, const std::string& name);

}  // namespace lathe
