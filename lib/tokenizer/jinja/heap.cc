#include "tokenizer/jinja/heap.h"

#include "base/fail.h"

namespace lathe::jinja {

void Heap::expect(std::size_t bytes) const {
  if (bytes > limit_ - taken_) {
    fail(ErrorCode::kLimit, "the template's values need more than {} MiB", limit_ >> 20);
  }
}

void Heap::take(std::size_t bytes) {
  expect(bytes);
  taken_ += bytes;
}

}  // namespace lathe::jinja
