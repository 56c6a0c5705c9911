// Zeroed memory for weights that could not be used in place in the model file: aligned to a
// page and in large pages where the system has them. What is never written takes none but address
// space; of a large page, nothing less than the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lathe {

class WeightMemory {
 public:
  WeightMemory() = default;
  // Throws Error(kLimit) naming `what` when the memory cannot be had. `sparse`: much of it will
  // never be written, here and there, so pages are small.
  WeightMemory(std::uint64_t bytes, const char* what, bool sparse = false);
  ~WeightMemory();
  WeightMemory(WeightMemory&& other) noexcept;
  WeightMemory& operator=(WeightMemory&& other) noexcept;

  std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lathe
