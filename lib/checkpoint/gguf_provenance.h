// What a GGUF file says of its model besides what it computes: "general." keys, name, licence,
// authors, languages, tags, the models it came from. As entries of Checkpoint::metadata(), whose
// values are text, so that they survive .lathe and Hugging Face folders.
//
//   text                 itself
//   an array of texts    JSON: ["en", "fr"]
//   an integer           decimal; of keys that end in ".count"
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "container/gguf_reader.h"
#include "container/gguf_writer.h"

namespace lathe {

// True for keys that are carried along, not for what the format itself asks for.
bool is_provenance(std::string_view key) noexcept;

void read_provenance(const GgufReader& gguf, std::map<std::string, std::string>& metadata);
// Those that `keys` lack.
void write_provenance(const std::map<std::string, std::string>& metadata, GgufMetadata& keys);

}  // namespace lathe
