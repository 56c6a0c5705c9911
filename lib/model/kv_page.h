// How one position's keys and values lie in the blocks of a page (kv_cache.h).
//
// A vector of head_dim floats goes to position `at` of its block: as floats, rounded to IEEE
// half, or turned (rotation.h): (int8, and keys of k8v4) as 128 + round(x · 127 / max|x|) with
// the scale max|x| / 127, (int4) keys in codes of 6 bits, (int4, k8v4) values in codes of 4. The
// bits are the same for every instruction set. Two threads may write to one block at different
// positions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lathe/model.h"

namespace lathe {

inline constexpr std::int64_t kMaxKvHeadDim = 8192;

// Whether keys and values are turned, as queries are then that meet them, and sums of values have
// to be turned back.
bool keeps_turned(KvType type) noexcept;

// Bytes of a block.
std::size_t kv_key_bytes(KvType type, std::int64_t head_dim) noexcept;
std::size_t kv_value_bytes(KvType type, std::int64_t head_dim) noexcept;

void store_key(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
               std::byte* block) noexcept;
void store_value(KvType type, std::int64_t head_dim, std::int64_t at, const float* x,
                 std::byte* block) noexcept;

// Zeros the positions of a block from `from` on.
void clear_keys(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) noexcept;
void clear_values(KvType type, std::int64_t head_dim, std::int64_t from, std::byte* block) noexcept;

}  // namespace lathe
