#include "tensor/block_types.h"

#include <span>

#include "tensor/blocks/read_blocks.h"

namespace lathe {

const BlockType* find_block_type(DType dtype) noexcept {
  for (const std::span<const BlockType> kind :
       {plain_block_types(), k_block_types(), grid_block_types(), few_bit_block_types(),
        codebook_block_types()}) {
    for (const BlockType& type : kind) {
      if (type.dtype == dtype) return &type;
    }
  }
  return nullptr;
}

}  // namespace lathe
