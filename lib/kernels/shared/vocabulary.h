// What a table's folder must define before it includes shared/table.h, each name where generic/
// says what it means. Checked here by the compiler: a requirement that fails names what is missing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/shared/codes.h"

namespace lathe {
namespace {

template <typename A, typename B>
concept Same = __is_same(A, B);

// lanes.h: sixteen floats side by side.
template <typename L>
concept FloatLanes = requires(L a, const float* p, float* out, std::int64_t n, float x,
                              const std::uint16_t* half, std::uint16_t* half_out,
                              const std::int8_t* byte) {
  { L::zero() } -> Same<L>;
  { L::all(x) } -> Same<L>;
  { L::load(p) } -> Same<L>;
  { L::load(p, n) } -> Same<L>;  // the first n < 16; the others are +0
  a.store(out);
  a.store(out, n);
  { load_f16(half) } -> Same<L>;
  { load_f16(half, n) } -> Same<L>;
  { load_bf16(half) } -> Same<L>;
  { load_bf16(half, n) } -> Same<L>;
  { load_s8(byte) } -> Same<L>;
  { load_s8(byte, n) } -> Same<L>;
  store_f16(a, half_out);
  store_f16(a, half_out, n);
  { add(a, a) } -> Same<L>;
  { sub(a, a) } -> Same<L>;
  { mul(a, a) } -> Same<L>;
  { div(a, a) } -> Same<L>;
  { fma(a, a, a) } -> Same<L>;
  { min(a, a) } -> Same<L>;
  { max(a, a) } -> Same<L>;
  { zero_where_less(a, a, a) } -> Same<L>;
  { where_less(a, a, a, a) } -> Same<L>;
  { negate(a) } -> Same<L>;
  { magnitude(a) } -> Same<L>;
  { scale_by_power(a, a) } -> Same<L>;
  { sum(a) } -> Same<float>;
  { largest(a) } -> Same<float>;
  sum_four(a, a, a, a, out);
  largest_four(a, a, a, a, out);
  { fma1(x, x, x) } -> Same<float>;
  { square_root(x) } -> Same<float>;
  prefetch(p);
  prefetch_far(p);
};
static_assert(FloatLanes<Lanes>);
// How many rows, inputs and queries are worked on at once, to fill the registers.
static_assert(kMatvecRows > 0 && kMatvecBatch > 0 && kAttendQueries > 0 && kAttendQueries <= 16);
static_assert(attend_registers(1) > 0 && attend_registers(kAttendQueries) > 0);
static_assert(kLanesAreOneRegister || !kLanesAreOneRegister);

// lines.h: codes, a line or a part of one at a time.
template <typename L>
concept CodeLine = requires(L a, const std::uint8_t* p, unsigned mask) {
  { L::load(p) } -> Same<L>;
  { a.template moved<3>() } -> Same<L>;
  { a.template moved<-3>() } -> Same<L>;
  { a.masked(mask) } -> Same<L>;
  { either(a, a) } -> Same<L>;
};
static_assert(CodeLine<Line>);

// dots.h: sums of sixteen rows as integers, and products of a tile's lines with a few tokens.
template <typename I>
concept Sums = requires(I a, std::int32_t x) {
  { I::all(x) } -> Same<I>;
  { a.template times_two_to<4>() } -> Same<I>;
  { a.template times_two_to<-1>() } -> Same<I>;
  { to_float(a) } -> Same<Lanes>;
};
static_assert(Sums<IntLanes>);

template <typename G>
concept Products = requires(const G& grid, const std::int8_t* byte, std::int8_t* byte_out, Lanes a,
                            const std::uint8_t* lines, std::int64_t n, IntLanes (&sums)[1]) {
  { G::load(byte) } -> Same<G>;
  { widen_bytes(byte) } -> Same<Lanes>;
  { widen_unsigned(lines) } -> Same<Lanes>;
  { powers_of_two(lines) } -> Same<Lanes>;
  store_low_bytes(a, byte_out);
  add_dots<Codes<4, true>, 1>(grid, lines, n, byte, n, sums);
};
static_assert(Products<Grid>);
// More than kFewTokens, and kDirectTokens at once: then prepare() and add_prepared(), see
// shared/packed.h.
static_assert(kFewTokens >= kDirectTokens);
static_assert(kDirectTokens > 0 && kDirectTokens <= kBlockTokens && kBlockTokens <= 8);
static_assert(kSignedWeights || !kSignedWeights);

// grid.h: which of sixteen increasing values is next.
template <typename G>
concept Lookup = requires(const G& grid, const float* p, Lanes t) {
  G(p, p);
  { G::kUnit } -> Same<const float&>;
  { grid.nearest_value(t) } -> Same<Lanes>;
  { grid.value(grid.code(t)) } -> Same<Lanes>;
  { G::as_float(grid.code(t)) } -> Same<Lanes>;
};
static_assert(Lookup<GridLookup>);

// transpose.h and probe_int8.h
static_assert(Same<decltype(transpose_16(nullptr, std::int64_t{}, 0.0f, nullptr)), void>);
static_assert(Same<decltype(probe_int8(std::int64_t{})), double>);

}  // namespace
}  // namespace lathe
