// What an embedding model's files say of its vectors, as the text that Checkpoint::metadata() keeps
// under kEmbeddingKey: {"pooling": "last", "normalize": true}, or {"unsupported": …}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "container/gguf_reader.h"
#include "io/file_set.h"

namespace lathe {

inline constexpr const char* kEmbeddingKey = "embedding";

// Of a folder of sentence-transformers' form: modules.json and what it names. "" for others.
std::string embedding_of_folder(const FileSet& folder);
// Of a GGUF file: "<architecture>.pooling_type".
std::string embedding_of_gguf(const GgufReader& gguf);

// The other way.
std::optional<std::uint32_t> gguf_pooling(const std::string& embedding);
// The folder that one of embedding_files() lies in.
inline constexpr const char* kPoolingFolder = "1_Pooling";
// Files of a folder by name, for a model of so many dimensions.
std::vector<std::pair<std::string, std::string>> embedding_files(const std::string& embedding,
                                                                 std::int64_t dimensions);

}  // namespace lathe
