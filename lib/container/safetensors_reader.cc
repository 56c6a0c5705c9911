#include "container/safetensors_reader.h"

#include "base/escape.h"
#include "base/fail.h"
#include "container/safetensors_index.h"
#include "container/safetensors_padding.h"

namespace lathe {

// A safetensors file begins with its header's length, far below 2^48, and a brace.
bool SafetensorsReader::looks_like(std::span<const std::byte> bytes) noexcept {
  return bytes.size() > 8 && bytes[8] == std::byte{'{'} && bytes[6] == std::byte{0} &&
         bytes[7] == std::byte{0};
}

std::shared_ptr<const SafetensorsReader> SafetensorsReader::open(const std::string& path) {
  return open(MappedFile::open(path));
}

std::shared_ptr<const SafetensorsReader> SafetensorsReader::open(
    std::shared_ptr<const MappedFile> file) {
  std::shared_ptr<SafetensorsReader> reader(new SafetensorsReader(file->path()));
  reader->add(std::move(file));
  reader->index_tensors();
  return reader;
}

std::shared_ptr<const SafetensorsReader> SafetensorsReader::open_index(
    const FileSet& files, const std::string& index_name) {
  const SafetensorsIndex index = read_safetensors_index(files, index_name);
  const std::string index_path = files.path_of(index_name);
  std::shared_ptr<SafetensorsReader> reader(new SafetensorsReader(index_path));
  for (const std::string& shard : index.shards) reader->add(files.open_weights(shard));
  reader->index_tensors();

  for (const auto& [name, shard] : index.weight_map) {
    const auto tensor = reader->find_tensor(name);
    if (!tensor) {
      fail_invalid("{}: the tensor {} should be in the shard {}, but is in none",
                   quoted(index_path), quoted(name), quoted(shard));
    }
    const std::string& found = reader->files()[reader->tensors()[*tensor].file]->path();
    if (found != files.path_of(shard)) {
      fail_invalid("{}: the tensor {} should be in the shard {}, but is in {}", quoted(index_path),
                   quoted(name), quoted(shard), quoted(found));
    }
  }
  for (const TensorEntry& t : reader->tensors()) {
    if (!index.weight_map.contains(t.name)) {
      fail_invalid("{}: the shard {} holds the tensor {}, which the index does not name",
                   quoted(index_path), quoted(reader->files()[t.file]->path()), quoted(t.name));
    }
  }
  return reader;
}

std::string_view SafetensorsReader::bytes_type(std::size_t tensor) const noexcept {
  const auto found = bytes_types_.find(tensors()[tensor].name);
  return found == bytes_types_.end() ? std::string_view() : found->second;
}

void SafetensorsReader::add(std::shared_ptr<const MappedFile> file) {
  SafetensorsHeader header = parse_safetensors(file->bytes(), file->path());
  metadata_.merge(header.metadata);
  bytes_types_.merge(header.bytes_types);
  std::erase_if(header.tensors, is_padding_tensor);
  add_file(std::move(file), std::move(header.tensors));
}

}  // namespace lathe
