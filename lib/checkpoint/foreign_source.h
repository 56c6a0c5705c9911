// A source of weights some of which another program quantized.
#pragma once

#include <cstddef>

#include "foreign/foreign_matrix.h"

namespace lathe {

class ForeignSource {
 public:
  virtual ~ForeignSource() = default;
  // The matrix, whose packed tensor is in place; null where the tensor is none.
  virtual const ForeignMatrix* foreign(std::size_t tensor) const noexcept = 0;
};

}  // namespace lathe
