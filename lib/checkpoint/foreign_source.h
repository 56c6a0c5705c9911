// A source of weights some of which another program quantized.
#pragma once

#include <cstddef>

#include "foreign/lazy_packed.h"

namespace lathe {

class ForeignSource {
 public:
  virtual ~ForeignSource() = default;
  // The matrix, whose packed tensor is in place when it is asked for; null where the tensor is none.
  virtual const LazyPacked* foreign(std::size_t tensor) const noexcept = 0;
};

}  // namespace lathe
