// A chunk of an archive: up to 256 KB of a file, coded without regard to the others.
//
// Each plane (archive/planes.h) is a zstd frame, or lies there as it is where that is no larger:
// bits of mantissas. The frames of exponents hold no matches, only entropy-coded literals, which is
// both smaller and many times faster for numbers that are independent of each other. A checksum of
// the plain bytes says whether what comes out is what went in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "archive/planes.h"

namespace lathe::archive {

inline constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

// What is known of a chunk besides its planes. One that is the base's has sizes of zero.
struct ChunkRecord {
  std::uint64_t sum = 0;                           // XXH3-64 of the plain bytes
  std::array<std::uint32_t, kMostPlanes> sizes{};  // of the planes, as they are stored

  std::uint64_t stored_bytes() const noexcept {
    return std::uint64_t{sizes[0]} + sizes[1] + sizes[2] + sizes[3];
  }
};

// How a plane is coded.
enum class Method : std::uint8_t { kAsItIs, kEntropy, kMatches };
using Methods = std::array<Method, kMostPlanes>;

// Not thread-safe. Throws kLimit without memory.
class ChunkEncoder {
 public:
  ChunkEncoder();
  ~ChunkEncoder();
  ChunkEncoder(ChunkEncoder&&) noexcept;

  // The smallest of the methods for chunks like this one, and what it takes. `base` is empty, or as
  // long as `plain`.
  Methods choose(Elements elements, std::span<const std::byte> plain,
                 std::span<const std::byte> base, std::size_t& bytes);
  // Appends the planes to `out`.
  ChunkRecord encode(Elements elements, const Methods& methods, std::span<const std::byte> plain,
                     std::span<const std::byte> base, std::vector<std::byte>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Not thread-safe. Throws kLimit without memory.
class ChunkDecoder {
 public:
  ChunkDecoder();
  ~ChunkDecoder();
  ChunkDecoder(ChunkDecoder&&) noexcept;

  // Fills `out`, at most kChunkBytes. False for what is damaged; nothing is known of `out` then.
  // `stored` are the planes, `base` as above.
  bool decode(Elements elements, const ChunkRecord& record, std::span<const std::byte> stored,
              std::span<const std::byte> base, std::span<std::byte> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe::archive
