// The arithmetic of a forward pass: what of a kernel table model/ uses (kernel_table.h says what
// all kernels have in common).
#pragma once

#include <cstdint>

#include "kernels/float_kernels.h"

namespace lathe {

struct PackedMatrix;
struct QuantizedRows;

// Positions per page of the KV cache; also the block of the online softmax.
inline constexpr std::int64_t kKvPageTokens = 64;

// Rows of numbers as signed bytes with a scale each, as pages in integers are multiplied with: q is
// [quads of columns][rows][4].
struct ByteRows {
  std::int8_t* q;
  float* scale;                   // [rows]
  std::int32_t* minus_eight_sum;  // [rows]: -8 Σ q
  std::int64_t rows;
};

// Dimensions that a row of bytes, and a block of a page in bytes, has room for.
constexpr std::int64_t byte_block_dims(std::int64_t head_dim) noexcept {
  return (head_dim + 15) / 16 * 16;
}

// Bytes of the codes in a block of a page: of 8 bits, of 6 (keys only) or of 4 (values only, whose
// dimensions lie in pairs of sixteen).
constexpr std::int64_t kv_code_bytes(int bits, std::int64_t head_dim) noexcept {
  return bits == 4 ? kKvPageTokens * ((head_dim + 31) / 32 * 16)
                   : kKvPageTokens * byte_block_dims(head_dim) * bits / 8;
}

struct ForwardKernels {
  // ---- products with float weights
  FloatKernels f32, f16, bf16;
  // From so many inputs a library's product is faster than matvec: for types whose multiply is
  // null.
  std::int64_t library_from;
  // An adapter's second half: y[m*y_stride + r] += Σ_k b[k*b_stride + r] · x[m*x_stride + k] for
  // r < rows, m < batch: one FMA per k < inner in increasing order, beginning with y.
  void (*add_low_rank)(const float* b, std::int64_t b_stride, std::int64_t inner, std::int64_t rows,
                       const float* x, std::int64_t x_stride, std::int64_t batch, float* y,
                       std::int64_t y_stride);

  // ---- quantized matrices (tensor/packed_matrix.h)
  // Tokens that packed_matmul multiplies together at best, an even number: the largest
  // QuantizedRows::width().
  std::int64_t block_tokens;
  // One token's activations (n of them, in to.inputs) to signed bytes, as token t of `to`.
  // scale = max|x| / 127 of a span, q = x · (127 / max|x|) rounded to nearest even. A span whose
  // largest magnitude is below 2^-100 counts as zeros; the scale of one that holds a NaN or an
  // infinity is no number. What is lost in units of scale goes to the second plane if there is one:
  // scale / 254, and q = lost · 254 rounded to nearest even.
  void (*quantize_row)(const float* x, std::int64_t n, const QuantizedRows& to, std::int64_t t);
  // Any vector to signed bytes with one scale, which is returned; q has room for n rounded up to
  // 16. Arithmetic as above.
  float (*quantize_vector)(const float* x, std::int64_t n, std::int8_t* q);
  // y[t · y_stride + r] for every token t of x and the rows r of tiles [first_tile,
  // last_tile): shared/packed.h says in which order. y is written only.
  void (*packed_matmul)(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                        const QuantizedRows& x, float* y, std::int64_t y_stride);

  // ---- elementwise
  void (*add)(const float* x, std::int64_t n, float* y);  // y += x
  // y[i] = x[i] · weight[i] / sqrt(mean(x²) + eps); x may be y (Zhang & Sennrich 2019)
  void (*rms_norm)(const float* x, const float* weight, float eps, std::int64_t n, float* y);
  // out[i] = silu(gate[i]) · up[i], silu(x) = x / (1 + e^-x); out may be gate or up
  void (*silu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
  // The same with GELU's tanh form.
  void (*gelu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
  // x[i] = cap · tanh(x[i] / cap), cap > 0
  void (*soft_cap)(float* x, std::int64_t n, float cap);
  // Rotates the pairs (x[i], x[i + half]), i < half, by the angles whose cosines and sines
  // are given: the rotary embedding in the order that Hugging Face checkpoints use.
  void (*rope)(const float* cosines, const float* sines, std::int64_t half, float* x);

  // ---- attention, one KV head at a time (online softmax; Milakov & Gimelshein 2018)
  // One page of keys and values against `queries` query rows (the heads that share this KV
  // head, for one or more positions). State per query row: running maximum m, running sum l,
  // and the unnormalised output o[head_dim]. Start with m = -inf, l = 0, o = 0; divide o by l
  // at the end. Row q sees keys [first[q], last[q]) of the page (empty ranges are skipped).
  // q: queries × head_dim, already scaled by 1/sqrt(head_dim) (or what the family says).
  // keys: [4][head_dim][16], element d of position t at [t / 16][d][t % 16]; values:
  // [64][head_dim]. next_keys: the keys that are asked for next, or these again; they are only
  // prefetched. cap: that of the
  // scores, which become cap · tanh(score / cap); 0: they stay. Each page is one online-softmax
  // block, so the bits depend on the page size, which is a constant of the model (kKvPageTokens),
  // and on nothing else.
  using Attend = void (*)(const float* q, std::int64_t queries, std::int64_t head_dim,
                          const void* keys, const void* values, const void* next_keys,
                          const std::int32_t* first, const std::int32_t* last, float cap, float* m,
                          float* l, float* o);
  Attend attend_f32;
  Attend attend_f16;
  // The same of pages in bytes, to each of which 128 is added. With dims = byte_block_dims():
  // keys [4][dims / 4][16][4], element d of position t at [t / 16][d / 4][t % 16][d % 4]; values
  // [dims / 16][16][16][4], at [d / 16][t / 4][d % 16][t % 4]; behind kv_code_bytes() of either 64
  // float scales, one per position. q: from quantize_bytes.
  using AttendCodes = void (*)(const ByteRows& q, std::int64_t queries, std::int64_t head_dim,
                               const void* keys, const void* values, const void* next_keys,
                               const std::int32_t* first, const std::int32_t* last, float cap,
                               float* m, float* l, float* o);
  AttendCodes attend_int8;
  // The same of keys in 6 bits, 32 added, and values in nibbles, 8 added. Of the keys sixteen
  // dimensions of sixteen positions are three lines [16][4], as in tensor/packed_scheme.h, in
  // [4][dims / 16][3]: with j = d % 16 / 4, the low four bits of element d in line j / 2 from bit
  // 4 (j % 2) on, the high two in the third line from bit 2 j on. Values [(dims + 16) /
  // 32][16][16][4], at [d / 32][t / 4][d % 16][t % 4], from bit 4 (d / 16 % 2) on.
  AttendCodes attend_int4;
  // Keys as those of attend_int8, values as those of attend_int4.
  AttendCodes attend_k8v4;
  // n numbers to row `row` of `to`; columns up to the next multiple of 16 become zeros.
  void (*quantize_bytes)(const float* x, std::int64_t n, const ByteRows& to, std::int64_t row);
  // Any vector to codes of `bits` bits, 2^(bits - 1) + round(x / scale), with one scale, which is
  // returned; codes has room for n rounded up to 16. The scale's sign puts the largest element at
  // the end where there is one step more; its size is that of a few which gives the least squared
  // error. Zeros and what is no number as above.
  float (*quantize_codes)(const float* x, std::int64_t n, int bits, std::int8_t* codes);
  // For adding up states of pages: Σ e^(x[i] - max), in the reduction order; max must be the
  // maximum of x.
  float (*sum_exp)(const float* x, std::int64_t n, float max);
};

}  // namespace lathe
