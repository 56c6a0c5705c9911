#include "archive/source.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "container/gguf_header.h"
#include "container/gguf_reader.h"
#include "container/llama2c_reader.h"
#include "container/safetensors_header.h"

namespace lathe::archive {
namespace {

std::vector<TensorEntry> tensors_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  std::vector<TensorEntry> out;
  if (GgufReader::looks_like(bytes)) {
    out = parse_gguf(bytes, file.path()).tensors;
  } else if (SafetensorsReader::looks_like(bytes)) {
    out = parse_safetensors(bytes, file.path()).tensors;
  } else if (Llama2cReader::looks_like(bytes)) {
    out = parse_llama2c(bytes, file.path()).tensors;
  }
  std::erase_if(out, [](const TensorEntry& tensor) { return tensor.bytes == 0; });
  std::ranges::sort(out, {}, &TensorEntry::offset);
  return out;
}

}  // namespace

std::vector<SourceFile> source_files(const ModelFiles& model) {
  std::vector<SourceFile> out;
  bool weights = false;
  for (const std::string& name : model.names) {
    SourceFile file{name, model.set->open_weights(name), {}};
    file.tensors = tensors_of(*file.bytes);
    weights = weights || !file.tensors.empty();
    out.push_back(std::move(file));
  }
  if (!weights) {
    fail_invalid("{}: holds no weights in safetensors, GGUF or llama2.c's format",
                 quoted(model.set->path()));
  }
  return out;
}

BaseTensors::BaseTensors(const std::vector<SourceFile>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const TensorEntry& tensor : files[i].tensors) {
      by_name_.emplace(tensor.name, Known{tensor, i});
    }
  }
}

std::optional<BasePlace> BaseTensors::find(const TensorEntry& tensor) const {
  const auto found = by_name_.find(tensor.name);
  if (found == by_name_.end()) return std::nullopt;
  const TensorEntry& known = found->second.tensor;
  if (known.dtype != tensor.dtype || known.bytes != tensor.bytes) return std::nullopt;
  return BasePlace{found->second.file, known.offset};
}

ArchivedFile cut_into_parts(const SourceFile& file, const BaseTensors* base,
                            std::vector<std::string>& names) {
  ArchivedFile out;
  out.name = file.name;
  out.bytes = file.bytes->bytes().size();
  out.sum = Checksum().text();  // until it is known; of an empty file it stays
  std::uint64_t at = 0;
  const auto between = [&](std::uint64_t end) {
    if (end == at) return;
    Part part;
    part.bytes = end - at;
    part.offset = at;
    part.between = true;
    names.push_back(fmt::format("{}#{}", file.name, at));
    out.parts.push_back(part);
    at = end;
  };
  for (const TensorEntry& tensor : file.tensors) {
    if (tensor.offset < at) {  // two tensors of one place
      fail_unsupported("{}: the tensor {} shares its bytes with another",
                       quoted(file.bytes->path()), quoted(tensor.name));
    }
    between(tensor.offset);
    Part part;
    part.elements = elements_of(tensor.dtype);
    part.bytes = tensor.bytes;
    part.offset = at;
    if (base != nullptr) part.base = base->find(tensor);
    names.push_back(fmt::format("{}/{}", file.name, tensor.name));
    out.parts.push_back(part);
    at += tensor.bytes;
  }
  between(out.bytes);
  return out;
}

std::span<const std::byte> bytes_at(const MappedFile& file, std::uint64_t offset, std::size_t size,
                                    std::vector<std::byte>& room) {
  if (file.content() == nullptr) return file.bytes().subspan(offset, size);
  room.resize(size);
  file.content()->read(offset, room);
  return room;
}

}  // namespace lathe::archive
