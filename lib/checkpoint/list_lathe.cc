// What a .lathe file says of itself.
#include <fmt/format.h>

#include "base/escape.h"
#include "checkpoint/formats.h"
#include "checkpoint/lathe_file.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

// A packed or blocked matrix is bytes to a reader of safetensors; people want what is in them.
void unwrap(const SafetensorsReader& file, const std::map<std::string, DType>& blocks,
            std::size_t number, FileListing& out) {
  TensorInfo& info = out.tensors[number];
  if (out.schemes.contains(info.name) && info.shape.size() == 1) {
    const PackedMatrix matrix =
        parse_packed(file.tensor_data(number),
                     fmt::format("{}: tensor {}", quoted(file.path()), quoted(info.name)));
    info.dtype = DType::kPacked;
    info.shape = {matrix.rows, matrix.cols};
    out.schemes[info.name] = packed_scheme_name(matrix.scheme);
    return;
  }
  const auto block = blocks.find(info.name);
  if (block == blocks.end() || info.shape.size() != 2) return;
  const DTypeInfo& type = dtype_info(block->second);
  info.dtype = block->second;
  info.shape[1] = info.shape[1] / type.bytes * type.block;
}

}  // namespace

void list_lathe(const ModelPath& path, FileListing& out) {
  const SafetensorsReader& file = *path.safetensors();
  out.format = "lathe";
  for (const auto& [key, value] : file.metadata()) {
    // One entry per tensor: nothing to read, or shown beside the tensors.
    if (key == lathe_file::kKeyTensorSums || key == lathe_file::kKeyPacked ||
        key == lathe_file::kKeyBlocks) {
      continue;
    }
    out.metadata.push_back({key, "", value});
  }
  list_entries(file, out);
  out.schemes = lathe_file::read_packed(file);
  const auto blocks = lathe_file::read_blocks(file);
  for (std::size_t i = 0; i < out.tensors.size(); ++i) unwrap(file, blocks, i, out);
}

}  // namespace lathe
