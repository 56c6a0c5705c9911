// What an archive is made of: the files of a model, cut into parts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/layout.h"
#include "archive/model_files.h"
#include "container/tensor_entry.h"
#include "io/mapped_file.h"

namespace lathe::archive {

// A file of a model, and its tensors by offset; none of a text. GGUF, safetensors, llama2.c.
struct SourceFile {
  std::string name;
  std::shared_ptr<const MappedFile> bytes;
  std::vector<TensorEntry> tensors;
};

// All files of the model. Throws kInvalid where none has tensors.
std::vector<SourceFile> source_files(const ModelFiles& model);

// The tensors of a base, by name.
class BaseTensors {
 public:
  explicit BaseTensors(const std::vector<SourceFile>& files);
  // Where the one of this name, type and size lies, or nothing.
  std::optional<BasePlace> find(const TensorEntry& tensor) const;

 private:
  struct Known {
    TensorEntry tensor;
    std::size_t file;
  };
  std::map<std::string, Known, std::less<>> by_name_;
};

// The file without its checksum, and the names of its parts' tensors.
ArchivedFile cut_into_parts(const SourceFile& file, const BaseTensors* base,
                            std::vector<std::string>& names);

// Bytes of a file, decoded into `room` where it lies in an archive.
std::span<const std::byte> bytes_at(const MappedFile& file, std::uint64_t offset, std::size_t size,
                                    std::vector<std::byte>& room);

}  // namespace lathe::archive
