// Zeroed bytes on a multiple of 64, as packed matrices stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lathe::test {

struct AlignedBytes {
  explicit AlignedBytes(std::size_t size) : storage(size + 64) {
    const auto at = reinterpret_cast<std::uintptr_t>(storage.data());
    bytes = std::span(storage).subspan((64 - at % 64) % 64, size);
  }
  // A copy would point into the original.
  AlignedBytes(AlignedBytes&&) = default;
  AlignedBytes& operator=(AlignedBytes&&) = default;

  std::vector<std::byte> storage;
  std::span<std::byte> bytes;
};

}  // namespace lathe::test
