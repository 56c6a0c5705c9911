// llama.cpp's importance matrices, in both of their forms.
//
// GGUF, general.type "imatrix": per matrix X two tensors of F32, "X.in_sum2" (Σ x² per input) and
// "X.counts" (how many x there were); of experts a row and a count for each. The older form has no
// magic number, little-endian:
//
//   int32 entries; per entry: int32 length, name, int32 calls, int32 values, float values[]
//   then perhaps int32 chunks, int32 length, the name of the text
//
// where a value is calls · mean of x². Names are GGUF's ("blk.0.attn_q.weight"); what they mean is
// found by imatrix_entries.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lathe/importance.h"

namespace lathe {

// What stands behind a matrix's name.
inline constexpr const char* kImatrixSums = ".in_sum2";
inline constexpr const char* kImatrixCounts = ".counts";

// Throw kInvalid where the file is neither, or as assemble_imatrix() does.
ImportanceMatrix read_imatrix_gguf(const std::string& path);
ImportanceMatrix read_imatrix_dat(std::span<const std::byte> bytes, const std::string& path);

// Whether bytes may be the older form: a count and a first name that are possible.
bool looks_like_imatrix_dat(std::span<const std::byte> bytes) noexcept;

}  // namespace lathe
