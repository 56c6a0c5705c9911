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
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "container/safetensors_header.h"
#include "container/tensor_entry.h"
#include "io/mapped_file.h"

namespace lathe {

class SafetensorsReader {
 public:
  // One file.
  static std::shared_ptr<const SafetensorsReader> open(const std::string& path);
  // The shards that an index (model.safetensors.index.json) names, from its own folder.
  static std::shared_ptr<const SafetensorsReader> open_index(const std::string& index_path);

  const std::string& path() const noexcept { return path_; }
  // __metadata__; of a sharded model the union over the shards, the first one wins.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  std::span<const TensorEntry> tensors() const noexcept { return tensors_; }  // by file, offset
  std::optional<std::size_t> find_tensor(std::string_view name) const noexcept;
  std::span<const std::byte> tensor_data(std::size_t tensor) const noexcept;
  // Lets the kernel drop the tensor's pages.
  void drop(std::size_t tensor) const noexcept;
  // False once one of the files was modified after it was opened.
  bool unchanged() const noexcept;

  std::span<const std::shared_ptr<const MappedFile>> files() const noexcept { return files_; }

 private:
  SafetensorsReader() = default;
  void add_file(const std::string& path);
  void index_tensors();

  std::string path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;  // views of tensors_' names
};

}  // namespace lathe
