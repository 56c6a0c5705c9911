// What the values of one template may take up together: a template is a program of somebody
// else's, and "a" * 10**9 must end in a sentence, not in a machine out of memory.
#pragma once

#include <cstddef>

namespace lathe::jinja {

class Heap {
 public:
  explicit Heap(std::size_t limit) : limit_(limit) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Throws kLimit when more than the limit would be taken; then nothing is.
  void take(std::size_t bytes);
  void give(std::size_t bytes) noexcept { taken_ -= bytes; }
  // Throws kLimit when `bytes` more would not fit: asked before memory is asked for.
  void expect(std::size_t bytes) const;

  std::size_t taken() const noexcept { return taken_; }

 private:
  std::size_t limit_, taken_ = 0;
};

}  // namespace lathe::jinja
