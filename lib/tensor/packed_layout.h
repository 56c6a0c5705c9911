// Sizes, bytes and rows of packed matrices (tensor/packed_matrix.h says what they are).
//
// A packed tensor is one run of bytes, to be aligned to 64: the header below (little-endian),
// then the sections weights, scales, super-scales, minimums, super-minimums, each padded with
// zeros to 64 bytes; absent ones take no room. A matrix whose inputs stand in another order, so
// that those that share a scale are neighbours, has that order at the end: for each place of a row
// the number of its input, 32 bits each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensor/packed_matrix.h"

namespace lathe {

struct PackedHeader {
  char magic[4];  // "LPK1"
  std::uint8_t bits;
  std::uint8_t form;
  std::uint8_t flags;  // 1: minimums, 2: grid, 4: wide inputs, 8: an order of inputs
  std::uint8_t span;   // PackedScheme's in units of 32
  std::int32_t group;
  std::int32_t unit_exponent;  // scales and minimums are multiplied with 2^unit_exponent
  std::int64_t rows;
  std::int64_t cols;
  std::int8_t grid[16];
  std::uint8_t padding[16];
};
static_assert(sizeof(PackedHeader) == 64);

// Bytes of a packed tensor, header included; nothing when a size is not positive or the
// product wraps. `ordered`: whether it has an order of its inputs.
std::optional<std::uint64_t> packed_bytes(const PackedScheme& scheme, std::int64_t rows,
                                          std::int64_t cols, bool ordered = false) noexcept;

// A view of a packed tensor. Throws kInvalid, naming `what`, unless the header is sound and the
// bytes have exactly its size and stand on a multiple of 64, and an order is one. Reads the header
// and the order only. The view's columns are places: packed_order() says whose.
PackedMatrix parse_packed(std::span<const std::byte> bytes, const std::string& what);

// The same, and every scale must be finite; or of the tiles [first_tile, last_tile) alone, whose
// scales are the only ones that are looked at.
PackedMatrix view_packed(std::span<const std::byte> bytes, const std::string& what);
PackedMatrix view_packed(std::span<const std::byte> bytes, const std::string& what,
                         std::int64_t first_tile, std::int64_t last_tile);

// What a product with the tiles [first_tile, last_tile) reads: a piece of each section.
std::vector<std::span<const std::byte>> packed_pieces(const PackedMatrix& matrix,
                                                      std::int64_t first_tile,
                                                      std::int64_t last_tile);

// The order of the inputs of a packed tensor that parse_packed() took; empty: as they are.
std::span<const std::uint32_t> packed_order(std::span<const std::byte> bytes) noexcept;

// Moves a row that unpack_row() gave from places to inputs; nothing for an empty order.
void to_input_order(std::span<const std::uint32_t> order, float* row);

// Row r as floats: scale·(q - zero)·unit, or fma(scale, q, minimum)·unit with minimums. The
// same bits on every machine.
void unpack_row(const PackedMatrix& matrix, std::int64_t r, float* out) noexcept;

// What a quantizer found for a tile: sixteen rows at once, as the search for scales leaves them.
struct PackedTile {
  // A half each, or with two levels a byte each and a half per 256 inputs; what the form does
  // not have is null.
  struct Section {
    const std::uint16_t* halves = nullptr;  // [groups][16]
    const std::int8_t* bytes = nullptr;     // [groups][16]
    const std::uint16_t* supers = nullptr;  // [super groups][16]
  };
  // One of the three.
  const float* codes = nullptr;             // [cols][16], whole numbers
  const std::uint8_t* row_codes = nullptr;  // [16][cols]
  // [ceil(cols / 4)][16]: of four inputs, the first lowest, anything beyond the last input.
  const std::uint32_t* quads = nullptr;
  Section scales, minimums;
};

// Writes a packed tensor tile by tile. `out` has packed_bytes() bytes, which must be zero (a fresh
// mapping or a cleared buffer). Different tiles may be set from different threads.
class PackedWriter {
 public:
  // `order`: of the inputs, a permutation; empty: as they are.
  PackedWriter(const PackedScheme& scheme, std::int64_t rows, std::int64_t cols, int unit_exponent,
               std::span<const std::int8_t, 16> grid, std::span<std::byte> out,
               std::span<const std::uint32_t> order = {});

  const PackedMatrix& view() const noexcept { return view_; }
  void set_tile(std::int64_t tile, const PackedTile& packed) noexcept;

 private:
  // quad(k, out) gives the codes of inputs k … k + 3 of each row as one number, 0 beyond the last.
  template <typename Quad>
  void set_tile_codes(std::int64_t tile, Quad&& quad) noexcept;
  void set_tile_section(std::int64_t tile, const PackedTile::Section& from, const void* values,
                        const std::uint16_t* supers) noexcept;

  PackedMatrix view_;
  std::byte* base_;
};

}  // namespace lathe
