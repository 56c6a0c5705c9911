#include "container/tensor_file.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

void TensorFile::add_file(std::shared_ptr<const MappedFile> file,
                          std::vector<TensorEntry> tensors) {
  const auto index = static_cast<std::uint32_t>(files_.size());
  files_.push_back(std::move(file));
  tensors_.reserve(tensors_.size() + tensors.size());
  for (TensorEntry& tensor : tensors) {
    tensor.file = index;
    tensors_.push_back(std::move(tensor));
  }
}

void TensorFile::index_tensors() {
  by_name_.reserve(tensors_.size());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TensorEntry& tensor = tensors_[i];
    const auto [at, fresh] = by_name_.emplace(tensor.name, i);
    if (!fresh) {
      fail_invalid("{}: the tensor {} is in {} as well", quoted(files_[tensor.file]->path()),
                   quoted(tensor.name), quoted(files_[tensors_[at->second].file]->path()));
    }
  }
}

std::optional<std::size_t> TensorFile::find_tensor(std::string_view name) const noexcept {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? std::nullopt : std::optional(at->second);
}

std::span<const std::byte> TensorFile::tensor_data(std::size_t tensor) const {
  const TensorEntry& entry = tensors_[tensor];
  files_[entry.file]->fetch(entry.offset, entry.bytes);
  return tensor_place(tensor);
}

std::span<const std::byte> TensorFile::tensor_place(std::size_t tensor) const noexcept {
  const TensorEntry& entry = tensors_[tensor];
  return files_[entry.file]->bytes().subspan(entry.offset, entry.bytes);
}

const FileContent* TensorFile::tensor_content(std::size_t tensor,
                                              std::uint64_t& offset) const noexcept {
  const TensorEntry& entry = tensors_[tensor];
  offset = entry.offset;
  return files_[entry.file]->content();
}

void TensorFile::drop(std::size_t tensor) const noexcept {
  const TensorEntry& entry = tensors_[tensor];
  files_[entry.file]->drop(entry.offset, entry.bytes);
}

bool TensorFile::unchanged() const noexcept {
  return std::ranges::all_of(files_, [](const auto& file) { return file->unchanged(); });
}

}  // namespace lathe
