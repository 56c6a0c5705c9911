#include "tensor/packed_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "base/checked.h"
#include "base/fail.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kInputPadding = 32;
constexpr std::uint64_t kAlignment = 64;
constexpr int kLargestUnitExponent = 100;

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) noexcept {
  return a / b + (a % b != 0 ? 1 : 0);
}

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
  std::uint64_t end = 0;
};

// Offsets of the sections; nothing when they wrap.
std::optional<Sections> sections_of(const PackedMatrix& m) noexcept {
  const std::uint64_t scale_size = m.scheme.form == ScaleForm::kHalf ? 2 : 1;
  const auto tiles = static_cast<std::uint64_t>(m.tiles);
  const auto per_tile = [&](std::int64_t groups, std::uint64_t size) {
    return static_cast<std::uint64_t>(groups) * kTileRows * size;
  };
  const std::uint64_t scales = per_tile(m.groups, scale_size);
  const std::uint64_t supers = per_tile(m.super_groups, 2);
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
                    place(&s.minimums, m.scheme.minimums ? scales : 0) &&
                    place(&s.super_minimums, m.scheme.minimums ? supers : 0);
  s.end = at;
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

bool all_finite(const void* halves, std::uint64_t count) noexcept {
  // No early end: a model has tens of megabytes of scales, and this loop vectorizes.
  const auto* h = static_cast<const std::uint16_t*>(halves);
  unsigned bad = 0;
  for (std::uint64_t i = 0; i < count; ++i) bad |= (h[i] & 0x7c00u) == 0x7c00u ? 1u : 0u;
  return bad == 0;
}

std::size_t scale_index(const PackedMatrix& m, std::int64_t r, std::int64_t g,
                        std::int64_t groups) noexcept {
  (void)m;
  return static_cast<std::size_t>((r / kTileRows * groups + g) * kTileRows + r % kTileRows);
}

// Scale or minimum of group g of row r.
float scale_at(const PackedMatrix& m, const void* scales, const std::uint16_t* supers,
               std::int64_t r, std::int64_t g) noexcept {
  const std::size_t at = scale_index(m, r, g, m.groups);
  if (m.scheme.form == ScaleForm::kHalf) {
    return f16_to_f32(static_cast<const std::uint16_t*>(scales)[at]);
  }
  const std::int64_t super = m.scheme.group == 0 ? 0 : g * m.scheme.group / kPackedSuperGroup;
  return static_cast<float>(static_cast<const std::int8_t*>(scales)[at]) *
         f16_to_f32(supers[scale_index(m, r, super, m.super_groups)]);
}

// Byte of weight (r, k) inside the weights, and the shift to its code there.
struct Place {
  std::size_t byte;
  unsigned shift;
};
Place place_of(const PackedMatrix& m, std::int64_t r, std::int64_t k) noexcept {
  const std::int64_t tile = r / kTileRows * m.tile_bytes;
  const std::int64_t in_line = r % kTileRows * 4 + k % 4;
  if (m.scheme.bits == 8) return {static_cast<std::size_t>(tile + k / 4 * 64 + in_line), 0};
  return {static_cast<std::size_t>(tile + k / 8 * 64 + in_line), k / 4 % 2 == 0 ? 0u : 4u};
}

int zero_of(const PackedScheme& s) noexcept { return s.minimums ? 0 : s.bits == 4 ? 8 : 128; }

}  // namespace

std::string packed_scheme_name(const PackedScheme& s) {
  return fmt::format("w{}{}{}{}{}", s.bits, s.grid ? "nl" : "",
                     s.group == 0 ? "" : fmt::format("g{}", s.group), s.minimums ? "a" : "",
                     s.form == ScaleForm::kTwoLevel ? "d" : "");
}

std::optional<std::string> packed_scheme_error(const PackedScheme& s) {
  if (s.bits != 4 && s.bits != 8) return "bits must be 4 or 8";
  if (s.group != 0 && s.group != 16 && s.group != 32 && s.group != 64 && s.group != 128) {
    return "the group must be 16, 32, 64, 128 or the row";
  }
  if (s.form != ScaleForm::kHalf && s.form != ScaleForm::kTwoLevel) return "unknown scale form";
  if (s.form == ScaleForm::kTwoLevel && s.group == 0) {
    return "one scale per row cannot have two levels";
  }
  if (s.grid && (s.bits != 4 || s.minimums)) return "a grid needs 4 bits and no minimums";
  return std::nullopt;
}

std::optional<std::uint64_t> packed_bytes(const PackedScheme& scheme, std::int64_t rows,
                                          std::int64_t cols) noexcept {
  if (!size_ok(rows, cols)) return std::nullopt;
  PackedMatrix m;
  m.scheme = scheme;
  m.rows = rows;
  m.cols = cols;
  fill_in(&m);
  const std::optional<Sections> s = sections_of(m);
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
  m.scheme = {header.bits, header.group, static_cast<ScaleForm>(header.form),
              (header.flags & 1u) != 0, (header.flags & 2u) != 0};
  if (const auto error = packed_scheme_error(m.scheme)) fail_invalid("{}: {}", what, *error);
  if (header.flags > 3 || header.zero != 0 ||
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
  const std::optional<Sections> s = sections_of(m);
  if (!s || s->end != bytes.size()) {
    fail_invalid("{}: a packed matrix of {} x {} does not have {} bytes", what, m.rows, m.cols,
                 bytes.size());
  }
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment != 0) {
    fail_invalid("{}: a packed matrix must stand on a multiple of 64 bytes", what);
  }
  point(&m, *s, bytes.data());
  return m;
}

PackedMatrix view_packed(std::span<const std::byte> bytes, const std::string& what) {
  const PackedMatrix m = parse_packed(bytes, what);
  const auto tiles = static_cast<std::uint64_t>(m.tiles);
  const std::uint64_t scales = tiles * static_cast<std::uint64_t>(m.groups) * kTileRows;
  const std::uint64_t supers = tiles * static_cast<std::uint64_t>(m.super_groups) * kTileRows;
  const bool half = m.scheme.form == ScaleForm::kHalf;
  const bool finite =
      half ? all_finite(m.scales, scales) && (!m.minimums || all_finite(m.minimums, scales))
           : all_finite(m.super_scales, supers) &&
                 (!m.super_minimums || all_finite(m.super_minimums, supers));
  if (!finite) fail_invalid("{}: a scale is infinite or not a number", what);
  return m;
}

void unpack_row(const PackedMatrix& m, std::int64_t r, float* out) noexcept {
  const int zero = zero_of(m.scheme);
  const std::int64_t group = m.scheme.group == 0 ? m.cols : m.scheme.group;
  for (std::int64_t g = 0; g < m.groups; ++g) {
    const float scale = scale_at(m, m.scales, m.super_scales, r, g);
    const float minimum =
        m.scheme.minimums ? scale_at(m, m.minimums, m.super_minimums, r, g) : 0.0f;
    const std::int64_t end = std::min(m.cols, (g + 1) * group);
    for (std::int64_t k = g * group; k < end; ++k) {
      const Place place = place_of(m, r, k);
      const unsigned code =
          (m.weights[place.byte] >> place.shift) & (m.scheme.bits == 4 ? 15u : 255u);
      const int value = m.scheme.grid ? m.grid[code] : static_cast<int>(code) - zero;
      const auto q = static_cast<float>(value);
      out[k] = (m.scheme.minimums ? std::fma(scale, q, minimum) : scale * q) * m.unit;
    }
  }
}

PackedWriter::PackedWriter(const PackedScheme& scheme, std::int64_t rows, std::int64_t cols,
                           int unit_exponent, std::span<const std::int8_t, 16> grid,
                           std::span<std::byte> out)
    : base_(out.data()) {
  view_.scheme = scheme;
  view_.rows = rows;
  view_.cols = cols;
  view_.unit = std::ldexp(1.0f, unit_exponent);
  std::copy(grid.begin(), grid.end(), view_.grid);
  fill_in(&view_);
  const std::optional<Sections> s =
      size_ok(rows, cols) ? sections_of(view_) : std::optional<Sections>();
  if (packed_scheme_error(scheme) || !s || s->end != out.size()) {
    fail(ErrorCode::kBug, "a packed matrix of {} x {} in {} bytes", rows, cols, out.size());
  }
  point(&view_, *s, base_);
  PackedHeader header = {};
  std::memcpy(header.magic, "LPK1", 4);
  header.bits = scheme.bits;
  header.form = static_cast<std::uint8_t>(scheme.form);
  header.flags = static_cast<std::uint8_t>((scheme.minimums ? 1 : 0) | (scheme.grid ? 2 : 0));
  header.group = scheme.group;
  header.unit_exponent = unit_exponent;
  header.rows = rows;
  header.cols = cols;
  std::copy(grid.begin(), grid.end(), header.grid);
  std::memcpy(base_, &header, sizeof(header));
}

void PackedWriter::set_row(std::int64_t r, const PackedRow& row) noexcept {
  // The view's pointers lead into `out`, which is ours to write.
  auto* weights = const_cast<std::uint8_t*>(view_.weights);
  for (std::int64_t k = 0; k < view_.cols; ++k) {
    const Place place = place_of(view_, r, k);
    const unsigned code = row.q[static_cast<std::size_t>(k)];
    weights[place.byte] = static_cast<std::uint8_t>(weights[place.byte] | (code << place.shift));
  }
  const auto put = [&](const void* section, auto values, std::int64_t groups) {
    using Value = std::remove_const_t<typename decltype(values)::value_type>;
    auto* to = static_cast<Value*>(const_cast<void*>(section));
    for (std::size_t g = 0; g < values.size(); ++g) {
      to[scale_index(view_, r, static_cast<std::int64_t>(g), groups)] = values[g];
    }
  };
  put(view_.scales, row.half_scales, view_.groups);
  put(view_.scales, row.byte_scales, view_.groups);
  put(view_.super_scales, row.super_scales, view_.super_groups);
  put(view_.minimums, row.half_minimums, view_.groups);
  put(view_.minimums, row.byte_minimums, view_.groups);
  put(view_.super_minimums, row.super_minimums, view_.super_groups);
}

void PackedWriter::set_tile(std::int64_t tile, const PackedTile& packed) noexcept {
  if (packed.row_codes != nullptr) {
    set_tile_codes(tile, packed.row_codes);
  } else {
    set_tile_codes(tile, packed.codes);
  }
  set_tile_section(tile, packed.scales, view_.scales, view_.super_scales);
  if (view_.scheme.minimums) {
    set_tile_section(tile, packed.minimums, view_.minimums, view_.super_minimums);
  }
}

void PackedWriter::set_tile_codes(std::int64_t tile, const float* codes) noexcept {
  auto* to = const_cast<std::uint8_t*>(view_.weights) + tile * view_.tile_bytes;
  // The four codes of a row that stand together, as one little-endian number per row.
  const auto quad = [&](std::int64_t first, std::uint32_t(&out)[kTileRows]) {
    for (std::uint32_t& q : out) q = 0;
    for (std::int64_t k = first; k < std::min(first + 4, view_.cols); ++k) {
      const float* column = codes + k * kTileRows;
      const auto shift = static_cast<unsigned>(8 * (k - first));
      for (std::int64_t r = 0; r < kTileRows; ++r) {
        out[r] |= static_cast<std::uint32_t>(static_cast<std::int32_t>(column[r])) << shift;
      }
    }
  };
  std::uint32_t low[kTileRows];
  std::uint32_t high[kTileRows];
  const std::int64_t step = view_.scheme.bits == 8 ? 4 : 8;
  for (std::int64_t k = 0; k < view_.cols; k += step, to += sizeof(low)) {
    quad(k, low);
    if (step == 8) {
      quad(k + 4, high);
      for (std::int64_t r = 0; r < kTileRows; ++r) low[r] |= high[r] << 4;
    }
    std::memcpy(to, low, sizeof(low));
  }
}

void PackedWriter::set_tile_codes(std::int64_t tile, const std::uint8_t* codes) noexcept {
  auto* to = const_cast<std::uint8_t*>(view_.weights) + tile * view_.tile_bytes;
  // Four codes of a row as one number: as they stand, a line holds one per row.
  const auto quad = [&](std::int64_t r, std::int64_t k) {
    std::uint32_t four = 0;
    if (k < view_.cols) {
      std::memcpy(&four, codes + r * view_.cols + k,
                  static_cast<std::size_t>(std::min<std::int64_t>(4, view_.cols - k)));
    }
    return four;
  };
  const std::int64_t step = view_.scheme.bits == 8 ? 4 : 8;
  for (std::int64_t k = 0; k < view_.cols; k += step, to += 64) {
    std::uint32_t line[kTileRows];
    for (std::int64_t r = 0; r < kTileRows; ++r) {
      line[r] = step == 4 ? quad(r, k) : quad(r, k) | quad(r, k + 4) << 4;
    }
    std::memcpy(to, line, sizeof(line));
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
