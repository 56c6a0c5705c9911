// A file of named tensors, or several files that make up one model, mapped: what the reader of
// every container format is.
//
// A reader (GgufReader, ...) parses its headers and adds its files here; from then on tensors are
// listed, found and given in place alike, whatever the format. Immutable and thread-safe once the
// reader is made; views live as long as it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "container/tensor_entry.h"
#include "io/mapped_file.h"

namespace lathe {

class TensorFile {
 public:
  virtual ~TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  // As it was opened: of several files the one that names the others.
  const std::string& path() const noexcept { return path_; }

  // File by file in the files' order.
  std::span<const TensorEntry> tensors() const noexcept { return tensors_; }
  // Index into tensors(), or nothing.
  std::optional<std::size_t> find_tensor(std::string_view name) const noexcept;
  // The tensor's bytes in the map. Of a file in an archive they are decoded, and stay in memory;
  // throws kInvalid where they are damaged.
  std::span<const std::byte> tensor_data(std::size_t tensor) const;
  // Where they are, or would be.
  std::span<const std::byte> tensor_place(std::size_t tensor) const noexcept;
  // For bytes of the tensor that do not lie in a map: null where they do. `offset` of its first
  // byte there.
  const FileContent* tensor_content(std::size_t tensor, std::uint64_t& offset) const noexcept;
  // Lets the kernel drop the tensor's pages.
  void drop(std::size_t tensor) const noexcept;
  // False once one of the files was modified after it was opened.
  bool unchanged() const noexcept;

  std::span<const std::shared_ptr<const MappedFile>> files() const noexcept { return files_; }

 protected:
  explicit TensorFile(std::string path) : path_(std::move(path)) {}

  // `tensors` lie inside `file`; their `file` is set here.
  void add_file(std::shared_ptr<const MappedFile> file, std::vector<TensorEntry> tensors);
  // Call once all files are added. Throws kInvalid when two of them hold the same name.
  void index_tensors();

 private:
  std::string path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // views of tensors_' names
};

}  // namespace lathe
