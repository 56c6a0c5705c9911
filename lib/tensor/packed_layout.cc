#include "tensor/packed_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <vector>

#include "base/checked.h"
#include "base/divide_up.h"
#include "base/fail.h"
#include "tensor/float16.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kLineBytes = 64;
constexpr int kMaxBlockQuads = 8;
constexpr std::int64_t kInputPadding = 32;
constexpr std::uint64_t kAlignment = 64;
constexpr int kLargestUnitExponent = 100;
constexpr std::int32_t kSpanUnit = 32;  // of the header

// Four equal bytes.
constexpr std::uint32_t bytes_of(std::uint32_t byte) noexcept { return 0x01010101u * byte; }

// The fields of a view that follow from scheme and size.
void fill_in(PackedMatrix* m) noexcept {
  m->tiles = divide_up(m->rows, kTileRows);
  m->inputs = divide_up(m->cols, kInputPadding) * kInputPadding;
  m->tile_bytes = m->inputs * kTileRows * m->scheme.bits / 8;
  m->groups = m->scheme.group == 0 ? 1 : divide_up(m->cols, m->scheme.group);
  m->super_groups =
      m->scheme.form == ScaleForm::kTwoLevel ? divide_up(m->cols, kPackedSuperGroup) : 0;
}

struct Sections {
  std::uint64_t weights = 0;  // offsets
  std::uint64_t scales = 0;
  std::uint64_t super_scales = 0;
  std::uint64_t minimums = 0;
  std::uint64_t super_minimums = 0;
  std::uint64_t order = 0;
  std::uint64_t end = 0;
};

constexpr std::uint8_t kOrdered = 8;  // of the header's flags

// Offsets of the sections; nothing when they wrap.
std::optional<Sections> sections_of(const PackedMatrix& m, bool ordered) noexcept {
  const auto tiles = static_cast<std::uint64_t>(m.tiles);
  const auto per_tile = [&](std::int64_t groups, FactorType type) {
    return static_cast<std::uint64_t>(groups * kTileRows * factor_bytes(type));
  };
  const std::uint64_t scales = per_tile(m.groups, scale_values(m.scheme));
  const std::uint64_t minimums = per_tile(m.groups, minimum_values(m.scheme));
  const std::uint64_t supers = per_tile(m.super_groups, FactorType::kHalf);
  Sections s;
  std::uint64_t at = sizeof(PackedHeader);
  const auto place = [&](std::uint64_t* offset, std::uint64_t tile_size) {
    *offset = at;
    const std::optional<std::uint64_t> size = checked_mul<std::uint64_t>(tiles, tile_size);
    if (!size || *size > (std::uint64_t{1} << 62)) return false;
    at += (*size + kAlignment - 1) / kAlignment * kAlignment;
    return at <= (std::uint64_t{1} << 62);
  };
  const bool fits = place(&s.weights, static_cast<std::uint64_t>(m.tile_bytes)) &&
                    place(&s.scales, scales) && place(&s.super_scales, supers) &&
                    place(&s.minimums, m.scheme.minimums ? minimums : 0) &&
                    place(&s.super_minimums, m.scheme.minimums ? supers : 0);
  s.order = at;
  // A size is far below what would wrap.
  const auto order = ordered ? static_cast<std::uint64_t>(m.cols) * sizeof(std::uint32_t) : 0;
  s.end = at + (order + kAlignment - 1) / kAlignment * kAlignment;
  if (!fits) return std::nullopt;
  return s;
}

void point(PackedMatrix* m, const Sections& s, const std::byte* base) noexcept {
  m->weights = reinterpret_cast<const std::uint8_t*>(base + s.weights);
  m->scales = base + s.scales;
  const bool two_level = m->scheme.form == ScaleForm::kTwoLevel;
  if (two_level) m->super_scales = reinterpret_cast<const std::uint16_t*>(base + s.super_scales);
  if (!m->scheme.minimums) return;
  m->minimums = base + s.minimums;
  if (two_level) {
    m->super_minimums = reinterpret_cast<const std::uint16_t*>(base + s.super_minimums);
  }
}

// Sizes beyond this are no matrix; the bound keeps the arithmetic above from wrapping.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 40;

bool size_ok(std::int64_t rows, std::int64_t cols) noexcept {
  return rows > 0 && cols > 0 && rows <= kLargestSize && cols <= kLargestSize;
}

std::size_t factor_index(std::int64_t r, std::int64_t g, std::int64_t groups) noexcept {
  return static_cast<std::size_t>((r / kTileRows * groups + g) * kTileRows + r % kTileRows);
}

// Scale, minimum or zero point of group g of row r.
float factor_at(const PackedMatrix& m, FactorType type, const void* values,
                const std::uint16_t* supers, std::int64_t r, std::int64_t g) noexcept {
  const std::size_t at = factor_index(r, g, m.groups);
  if (type == FactorType::kHalf) return f16_to_f32(static_cast<const std::uint16_t*>(values)[at]);
  const auto* bytes = static_cast<const std::uint8_t*>(values);
  if (type == FactorType::kZero) return bytes[at];
  if (type == FactorType::kExponent) return f32_of_exponent(bytes[at]);
  const std::int64_t super = m.scheme.group == 0 ? 0 : g * m.scheme.group / kPackedSuperGroup;
  return static_cast<float>(static_cast<std::int8_t>(bytes[at])) *
         f16_to_f32(supers[factor_index(r, super, m.super_groups)]);
}

float scale_at(const PackedMatrix& m, std::int64_t r, std::int64_t g) noexcept {
  return factor_at(m, scale_values(m.scheme), m.scales, m.super_scales, r, g);
}

float minimum_at(const PackedMatrix& m, std::int64_t r, std::int64_t g) noexcept {
  const float value = factor_at(m, minimum_values(m.scheme), m.minimums, m.super_minimums, r, g);
  return m.scheme.form == ScaleForm::kZeroPoint ? -(value * scale_at(m, r, g)) : value;
}

// The codes of a block of row r, four of a quad in each number, the first of them lowest.
void read_block(const PackedMatrix& m, std::int64_t r, std::int64_t block,
                std::uint32_t (&quads)[kMaxBlockQuads]) noexcept {
  const CodeWidth& width = *find_code_width(m.scheme.bits);
  const int count = block_quads(width);
  const std::uint8_t* line = m.weights + r / kTileRows * m.tile_bytes +
                             block * block_lines(width) * kLineBytes + r % kTileRows * 4;
  int above = 0;
  for (std::uint32_t& quad : quads) quad = 0;
  for (const int bits : width.planes) {
    if (bits == 0) continue;
    const std::uint32_t mask = bytes_of((1u << bits) - 1u);
    for (int first = 0; first < count; first += 8 / bits, line += kLineBytes) {
      std::uint32_t four;
      std::memcpy(&four, line, sizeof(four));
      for (int j = 0; j < 8 / bits; ++j) quads[first + j] |= (four >> (bits * j) & mask) << above;
    }
    above += bits;
  }
}

// Throws kInvalid unless each input is there once.
void require_order(std::span<const std::uint32_t> order, const std::string& what) {
  std::vector<bool> met(order.size(), false);
  for (const std::uint32_t input : order) {
    if (input >= order.size() || met[input]) {
      fail_invalid("{}: the order of its {} inputs is none", what, order.size());
    }
    met[input] = true;
  }
}

}  // namespace

std::optional<std::uint64_t> packed_bytes(const PackedScheme& scheme, std::int64_t rows,
                                          std::int64_t cols, bool ordered) noexcept {
  if (!size_ok(rows, cols)) return std::nullopt;
  PackedMatrix m;
  m.scheme = scheme;
  m.rows = rows;
  m.cols = cols;
  fill_in(&m);
  const std::optional<Sections> s = sections_of(m, ordered);
  if (!s) return std::nullopt;
  return s->end;
}

PackedMatrix parse_packed(std::span<const std::byte> bytes, const std::string& what) {
  PackedHeader header;
  if (bytes.size() < sizeof(header)) fail_invalid("{}: too short for a packed matrix", what);
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, "LPK1", 4) != 0) {
    fail_invalid("{}: a packed matrix must begin with LPK1", what);
  }
  PackedMatrix m;
  m.scheme = {header.bits,
              header.group,
              static_cast<ScaleForm>(header.form),
              (header.flags & 1u) != 0,
              (header.flags & 2u) != 0,
              (header.flags & 4u) != 0,
              kSpanUnit * header.span};
  if (const auto error = packed_scheme_error(m.scheme)) fail_invalid("{}: {}", what, *error);
  if (header.flags > 15 ||
      std::abs(static_cast<std::int64_t>(header.unit_exponent)) > kLargestUnitExponent) {
    fail_invalid("{}: the packed header has fields out of range", what);
  }
  if (!size_ok(header.rows, header.cols)) {
    fail_invalid("{}: impossible size {} x {}", what, header.rows, header.cols);
  }
  m.rows = header.rows;
  m.cols = header.cols;
  m.unit = std::ldexp(1.0f, header.unit_exponent);
  std::memcpy(m.grid, header.grid, sizeof(m.grid));
  fill_in(&m);
  const std::optional<Sections> s = sections_of(m, (header.flags & kOrdered) != 0);
  if (!s || s->end != bytes.size()) {
    fail_invalid("{}: a packed matrix of {} x {} does not have {} bytes", what, m.rows, m.cols,
                 bytes.size());
  }
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment != 0) {
    fail_invalid("{}: a packed matrix must stand on a multiple of 64 bytes", what);
  }
  point(&m, *s, bytes.data());
  require_order(packed_order(bytes), what);
  return m;
}

std::span<const std::uint32_t> packed_order(std::span<const std::byte> bytes) noexcept {
  PackedHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if ((header.flags & kOrdered) == 0) return {};
  const auto count = static_cast<std::size_t>(header.cols);
  const std::size_t size =
      (count * sizeof(std::uint32_t) + kAlignment - 1) / kAlignment * kAlignment;
  return {reinterpret_cast<const std::uint32_t*>(bytes.data() + bytes.size() - size), count};
}

void to_input_order(std::span<const std::uint32_t> order, float* row) {
  if (order.empty()) return;
  const std::vector<float> places(row, row + order.size());
  for (std::size_t i = 0; i < order.size(); ++i) row[order[i]] = places[i];
}

PackedMatrix view_packed(std::span<const std::byte> bytes, const std::string& what) {
  return view_packed(bytes, what, 0, std::numeric_limits<std::int64_t>::max());
}

PackedMatrix view_packed(std::span<const std::byte> bytes, const std::string& what,
                         std::int64_t first_tile, std::int64_t last_tile) {
  const PackedMatrix m = parse_packed(bytes, what);
  const std::int64_t tiles = std::min(last_tile, m.tiles) - first_tile;
  // Of what a tile has so many values of, those of the tiles.
  const auto values = [&](const auto* all, std::int64_t per_row) {
    const std::int64_t per_tile = per_row * kTileRows;
    return std::span(all + first_tile * per_tile, static_cast<std::size_t>(tiles * per_tile));
  };
  // A signed byte is always finite.
  const auto finite = [&](const void* halves, std::int64_t per_row) {
    return halves == nullptr ||
           all_finite_f16(values(static_cast<const std::uint16_t*>(halves), per_row));
  };
  bool all = finite(m.super_scales, m.super_groups) && finite(m.super_minimums, m.super_groups);
  if (scale_values(m.scheme) == FactorType::kHalf) all = all && finite(m.scales, m.groups);
  if (minimum_values(m.scheme) == FactorType::kHalf) all = all && finite(m.minimums, m.groups);
  if (m.scheme.form == ScaleForm::kExponent) {
    const auto exponents = values(static_cast<const std::uint8_t*>(m.scales), m.groups);
    all = std::find(exponents.begin(), exponents.end(), 255) == exponents.end();
  }
  if (!all) fail_invalid("{}: a scale is infinite or not a number", what);
  return m;
}

std::vector<std::span<const std::byte>> packed_pieces(const PackedMatrix& m,
                                                      std::int64_t first_tile,
                                                      std::int64_t last_tile) {
  std::vector<std::span<const std::byte>> out;
  const auto add = [&](const void* section, std::int64_t tile_size) {
    if (section == nullptr || first_tile >= last_tile) return;
    out.emplace_back(static_cast<const std::byte*>(section) + first_tile * tile_size,
                     static_cast<std::size_t>((last_tile - first_tile) * tile_size));
  };
  const auto factors = [](std::int64_t groups, FactorType type) {
    return groups * kTileRows * factor_bytes(type);
  };
  add(m.weights, m.tile_bytes);
  add(m.scales, factors(m.groups, scale_values(m.scheme)));
  add(m.super_scales, factors(m.super_groups, FactorType::kHalf));
  add(m.minimums, factors(m.groups, minimum_values(m.scheme)));
  add(m.super_minimums, factors(m.super_groups, FactorType::kHalf));
  return out;
}

void unpack_row(const PackedMatrix& m, std::int64_t r, float* out) noexcept {
  const int zero = zero_code(m.scheme);
  const std::int64_t group = m.scheme.group == 0 ? m.cols : m.scheme.group;
  const std::int64_t block = block_inputs(*find_code_width(m.scheme.bits));
  const std::int64_t part = std::min(block, group);
  float scale = 0.0f;
  float minimum = 0.0f;
  std::uint32_t quads[kMaxBlockQuads];
  // A group is a number of whole blocks, or a block one of whole groups.
  for (std::int64_t first = 0; first < m.cols; first += part) {
    if (first % group == 0) {
      scale = scale_at(m, r, first / group);
      if (m.scheme.minimums) minimum = minimum_at(m, r, first / group);
    }
    if (first % block == 0) read_block(m, r, first / block, quads);
    const std::int64_t end = std::min(m.cols, first + part);
    for (std::int64_t k = first; k < end; ++k) {
      const std::uint32_t code = quads[k % block / 4] >> (8 * (k % 4)) & 255u;
      const int value = m.scheme.grid ? m.grid[code] : static_cast<int>(code) - zero;
      const auto q = static_cast<float>(value);
      out[k] = (m.scheme.minimums ? std::fma(scale, q, minimum) : scale * q) * m.unit;
    }
  }
}

PackedWriter::PackedWriter(const PackedScheme& scheme, std::int64_t rows, std::int64_t cols,
                           int unit_exponent, std::span<const std::int8_t, 16> grid,
                           std::span<std::byte> out, std::span<const std::uint32_t> order)
    : base_(out.data()) {
  view_.scheme = scheme;
  view_.rows = rows;
  view_.cols = cols;
  view_.unit = std::ldexp(1.0f, unit_exponent);
  std::copy(grid.begin(), grid.end(), view_.grid);
  fill_in(&view_);
  const std::optional<Sections> s =
      size_ok(rows, cols) ? sections_of(view_, !order.empty()) : std::optional<Sections>();
  if (packed_scheme_error(scheme) || !s || s->end != out.size()) {
    fail(ErrorCode::kBug, "a packed matrix of {} x {} in {} bytes", rows, cols, out.size());
  }
  point(&view_, *s, base_);
  PackedHeader header = {};
  std::memcpy(header.magic, "LPK1", 4);
  header.bits = scheme.bits;
  header.form = static_cast<std::uint8_t>(scheme.form);
  header.flags = static_cast<std::uint8_t>((scheme.minimums ? 1 : 0) | (scheme.grid ? 2 : 0) |
                                           (scheme.wide_inputs ? 4 : 0));
  header.group = scheme.group;
  header.span = static_cast<std::uint8_t>(scheme.span / kSpanUnit);
  header.unit_exponent = unit_exponent;
  header.rows = rows;
  header.cols = cols;
  std::copy(grid.begin(), grid.end(), header.grid);
  if (!order.empty()) {
    header.flags |= kOrdered;
    std::memcpy(base_ + s->order, order.data(), order.size_bytes());
  }
  std::memcpy(base_, &header, sizeof(header));
}

template <typename Quad>
void PackedWriter::set_tile_codes(std::int64_t tile, Quad&& quad) noexcept {
  auto* to = const_cast<std::uint8_t*>(view_.weights) + tile * view_.tile_bytes;
  const CodeWidth& width = *find_code_width(view_.scheme.bits);
  const int quads = block_quads(width);
  std::uint32_t codes[kMaxBlockQuads][kTileRows];
  for (std::int64_t k = 0; k < view_.cols; k += 4 * quads) {
    for (int q = 0; q < quads; ++q) quad(k + 4 * q, codes[q]);
    int above = 0;
    for (const int bits : width.planes) {
      if (bits == 0) continue;
      const std::uint32_t mask = bytes_of((1u << bits) - 1u);
      for (int first = 0; first < quads; first += 8 / bits, to += kLineBytes) {
        std::uint32_t line[kTileRows] = {};
        for (int j = 0; j < 8 / bits; ++j) {
          for (std::int64_t r = 0; r < kTileRows; ++r) {
            line[r] |= (codes[first + j][r] >> above & mask) << (bits * j);
          }
        }
        std::memcpy(to, line, sizeof(line));
      }
      above += bits;
    }
  }
}

void PackedWriter::set_tile(std::int64_t tile, const PackedTile& packed) noexcept {
  if (packed.quads != nullptr) {
    set_tile_codes(tile, [&](std::int64_t k, std::uint32_t(&out)[kTileRows]) {
      const auto count = std::clamp<std::int64_t>(view_.cols - k, 0, 4);
      const std::uint32_t mask = count == 4 ? ~0u : (1u << (8 * count)) - 1u;
      const std::uint32_t* from = packed.quads + k / 4 * kTileRows;
      for (std::int64_t r = 0; r < kTileRows; ++r) out[r] = count == 0 ? 0 : from[r] & mask;
    });
    // As they stand in memory, four codes of a row are one little-endian number.
  } else if (packed.row_codes != nullptr) {
    set_tile_codes(tile, [&](std::int64_t k, std::uint32_t(&out)[kTileRows]) {
      const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(view_.cols - k, 0, 4));
      for (std::int64_t r = 0; r < kTileRows; ++r) {
        out[r] = 0;
        if (count > 0) std::memcpy(&out[r], packed.row_codes + r * view_.cols + k, count);
      }
    });
  } else {
    set_tile_codes(tile, [&](std::int64_t first, std::uint32_t(&out)[kTileRows]) {
      for (std::uint32_t& q : out) q = 0;
      for (std::int64_t k = first; k < std::min(first + 4, view_.cols); ++k) {
        const float* column = packed.codes + k * kTileRows;
        const auto shift = static_cast<unsigned>(8 * (k - first));
        for (std::int64_t r = 0; r < kTileRows; ++r) {
          out[r] |= static_cast<std::uint32_t>(static_cast<std::int32_t>(column[r])) << shift;
        }
      }
    });
  }
  set_tile_section(tile, packed.scales, view_.scales, view_.super_scales);
  if (view_.scheme.minimums) {
    set_tile_section(tile, packed.minimums, view_.minimums, view_.super_minimums);
  }
}

void PackedWriter::set_tile_section(std::int64_t tile, const PackedTile::Section& from,
                                    const void* values, const std::uint16_t* supers) noexcept {
  const auto copy = [&](auto* section, const auto* source, std::int64_t groups) {
    const std::size_t count = static_cast<std::size_t>(groups * kTileRows);
    std::memcpy(section + static_cast<std::size_t>(tile) * count, source, count * sizeof(*source));
  };
  void* to = const_cast<void*>(values);
  if (from.halves != nullptr) copy(static_cast<std::uint16_t*>(to), from.halves, view_.groups);
  if (from.bytes != nullptr) copy(static_cast<std::int8_t*>(to), from.bytes, view_.groups);
  if (from.supers != nullptr) {
    copy(const_cast<std::uint16_t*>(supers), from.supers, view_.super_groups);
  }
}

}  // namespace lathe
