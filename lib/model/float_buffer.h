// Floats on a 64-byte border, uninitialised, that only ever grow: scratch of the forward pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace lathe {

class FloatBuffer {
 public:
  // At least `count` floats; what was there is lost when it grows. Throws std::bad_alloc.
  void ensure(std::int64_t count) {
    if (count <= size_) return;
    data_.reset();
    size_ = 0;
    const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(float) + 63) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = count;
  }

  float* data() noexcept { return data_.get(); }
  const float* data() const noexcept { return data_.get(); }

 private:
  struct Freer {
    void operator()(float* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<float, Freer> data_;
  std::int64_t size_ = 0;
};

}  // namespace lathe
