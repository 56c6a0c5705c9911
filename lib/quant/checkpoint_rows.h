// Tensors of a checkpoint as quantize_matrix() reads them.
#pragma once

#include <cstddef>
#include <span>

#include "lathe/checkpoint.h"

#include "quant/quantize_matrix.h"

namespace lathe {

// Of one tensor, or of several of as many columns, rows after rows. The checkpoint must outlive it.
MatrixSource rows_of(const Checkpoint& checkpoint, std::span<const std::size_t> tensors);

}  // namespace lathe
