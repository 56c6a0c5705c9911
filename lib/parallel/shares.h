// How work in a row is dealt out to workers that take it in order.
#pragma once

#include <cstdint>

namespace lathe {

struct WorkRange {
  std::int64_t first, last;  // [first, last)
};

// Of so many pieces those that are a worker's own share.
inline WorkRange own_work(std::int64_t pieces, int worker, int workers) noexcept {
  return {pieces * worker / workers, pieces * (worker + 1) / workers};
}

}  // namespace lathe
