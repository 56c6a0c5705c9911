// A safetensors file, or all the shards of a model's index, mapped.
//
// Opening reads headers only. Immutable afterwards and thread-safe; views live as long as the
// reader. The padding tensors that SafetensorsWriter adds for alignment (see its header) are
// not listed.
//
// Errors: those of parse_safetensors() and read_safetensors_index(), kInvalid for a tensor that is
// in two shards or not in the shard that the index names, kIo.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "container/safetensors_header.h"
#include "container/tensor_file.h"
#include "io/file_set.h"
#include "io/mapped_file.h"

namespace lathe {

class SafetensorsReader final : public TensorFile {
 public:
  // One file.
  static std::shared_ptr<const SafetensorsReader> open(const std::string& path);
  static std::shared_ptr<const SafetensorsReader> open(std::shared_ptr<const MappedFile> file);
  // True when the file begins as safetensors do; never throws for the content.
  static bool looks_like(std::span<const std::byte> bytes) noexcept;
  // The shards that an index (model.safetensors.index.json) names, of the same set.
  static std::shared_ptr<const SafetensorsReader> open_index(const FileSet& files,
                                                             const std::string& index);

  // __metadata__; of a sharded model the union over the shards, the first one wins.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  // The format's name of the tensor's type where dtype and shape describe bytes only ("F8_E4M3");
  // empty: as they say.
  std::string_view bytes_type(std::size_t tensor) const noexcept;

 private:
  explicit SafetensorsReader(std::string path) : TensorFile(std::move(path)) {}
  void add(std::shared_ptr<const MappedFile> file);

  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::string_view, std::less<>> bytes_types_;
};

}  // namespace lathe
