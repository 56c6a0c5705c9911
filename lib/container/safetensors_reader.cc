#include "container/safetensors_reader.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "container/safetensors_index.h"
#include "container/safetensors_padding.h"

namespace lathe {

std::shared_ptr<const SafetensorsReader> SafetensorsReader::open(const std::string& path) {
  std::shared_ptr<SafetensorsReader> reader(new SafetensorsReader);
  reader->path_ = path;
  reader->add_file(path);
  reader->index_tensors();
  return reader;
}

std::shared_ptr<const SafetensorsReader> SafetensorsReader::open_index(
    const std::string& index_path) {
  const SafetensorsIndex index = read_safetensors_index(index_path);
  std::shared_ptr<SafetensorsReader> reader(new SafetensorsReader);
  reader->path_ = index_path;
  const auto slash = index_path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : index_path.substr(0, slash + 1);
  for (const std::string& shard : index.shards) reader->add_file(folder + shard);
  reader->index_tensors();

  for (const auto& [name, shard] : index.weight_map) {
    const auto tensor = reader->find_tensor(name);
    if (!tensor) {
      fail_invalid("{}: the tensor {} should be in the shard {}, but is in none",
                   quoted(index_path), quoted(name), quoted(shard));
    }
    const std::string& found = reader->files_[reader->tensors_[*tensor].file]->path();
    if (found != folder + shard) {
      fail_invalid("{}: the tensor {} should be in the shard {}, but is in {}", quoted(index_path),
                   quoted(name), quoted(shard), quoted(found));
    }
  }
  for (const TensorEntry& t : reader->tensors_) {
    if (!index.weight_map.contains(t.name)) {
      fail_invalid("{}: the shard {} holds the tensor {}, which the index does not name",
                   quoted(index_path), quoted(reader->files_[t.file]->path()), quoted(t.name));
    }
  }
  return reader;
}

void SafetensorsReader::add_file(const std::string& path) {
  auto file = MappedFile::open(path);
  SafetensorsHeader header = parse_safetensors(file->bytes(), path);
  const auto index = static_cast<std::uint32_t>(files_.size());
  files_.push_back(std::move(file));
  metadata_.merge(header.metadata);
  for (TensorEntry& t : header.tensors) {
    if (is_padding_tensor(t)) continue;
    t.file = index;
    tensors_.push_back(std::move(t));
  }
}

void SafetensorsReader::index_tensors() {
  tensor_index_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TensorEntry& t = tensors_[i];
    const auto [at, fresh] = tensor_index_.emplace(t.name, i);
    if (!fresh) {
      fail_invalid("{}: the tensor {} is in {} as well", quoted(files_[t.file]->path()),
                   quoted(t.name), quoted(files_[tensors_[at->second].file]->path()));
    }
  }
}

std::optional<std::size_t> SafetensorsReader::find_tensor(std::string_view name) const noexcept {
  const auto at = tensor_index_.find(name);
  return at == tensor_index_.end() ? std::nullopt : std::optional(at->second);
}

std::span<const std::byte> SafetensorsReader::tensor_data(std::size_t tensor) const noexcept {
  const TensorEntry& t = tensors_[tensor];
  return files_[t.file]->bytes().subspan(t.offset, t.bytes);
}

void SafetensorsReader::drop(std::size_t tensor) const noexcept {
  const TensorEntry& t = tensors_[tensor];
  files_[t.file]->drop(t.offset, t.bytes);
}

bool SafetensorsReader::unchanged() const noexcept {
  return std::ranges::all_of(files_, [](const auto& file) { return file->unchanged(); });
}

}  // namespace lathe
