// Folders of floats of eight bits: "fp8" as DeepSeek publishes them, with a scale for each block of
// 128 x 128, and others with one for each row or the whole matrix, under several names.
#include "foreign/float8.h"
#include "foreign/methods.h"

namespace lathe {
namespace {

// In spite of their names all are multiplied.
constexpr const char* kScales[] = {".weight_scale_inv", ".weight_scale", ".qscale_weight"};
constexpr const char* kUnused[] = {".input_scale", ".qscale_act",  ".activation_scale",
                                   ".k_scale",     ".v_scale",     ".input_scale_ub",
                                   ".kv_scale",    ".output_scale"};

}  // namespace

void read_fp8(const JsonView& config, Parts& parts) {
  std::int64_t block_rows = 0, block_cols = 0;
  if (const auto block = config.find("weight_block_size")) {
    if (block->size() != 2) block->fail_here("is not the size of a block");
    block_rows = block->at(std::size_t{0}).as_int(1, 1 << 20);
    block_cols = block->at(std::size_t{1}).as_int(1, 1 << 20);
  }
  for (const char* scales : kScales) {
    for (const std::string& stem : parts.stems(scales)) {
      if (!parts.has(stem + ".weight")) continue;
      read_float8(stem, stem + scales, block_rows, block_cols, parts);
    }
  }
  for (const char* unused : kUnused) {
    for (const std::string& stem : parts.stems(unused)) parts.drop(stem + unused);
  }
}

}  // namespace lathe
