// The arithmetic of a forward pass, once per instruction set.
//
// A table is a struct of plain function pointers. Every function is single-threaded,
// noexcept and works on the piece of rows it is given; threading and blocking live outside,
// in portable code (model/). Pointers need the alignment of their type only, unless said.
//
// Bits: all tables give the same bits for the same input, for every function here but
// FloatKernels::multiply and multiply_few, whose sums run in an order of their own. Sums of floats
// run in one written order (see "reduction order"), each step one FMA or one add; generic code uses
// std::fma where the others use the instruction.
//
// Reduction order of a sum over n floats: 16 partial sums, element i goes to partial
// i mod 16 in increasing i (the last sixteen padded with zeros); then partials are added as a
// tree: p[j] += p[j+8] for j < 8, p[j] += p[j+4] for j < 4, p[j] += p[j+2] for j < 2,
// p[0] + p[1]. The sixteen partials are one AVX-512 register or two AVX2 registers: the
// algorithms are written once, in kernels/shared/, in terms of kernels/<isa>/lanes.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lathe {

struct InputTiles;
struct PackedMatrix;
struct QuantizedRows;

// Products of inputs with float weights of one type. w: rows × cols, row-major, tight.
struct FloatKernels {
  // For a few inputs: y[m*y_stride + r] = Σ_k w[r][k] · x[m*x_stride + k], in the reduction order
  // above, one FMA per element.
  void (*matvec)(const void* w, std::int64_t rows, std::int64_t cols, const float* x,
                 std::int64_t x_stride, std::int64_t batch, float* y,
                 std::int64_t y_stride) = nullptr;

  // For many inputs at once, in tiles. A table without these (multiply is null) leaves them to a
  // library.
  // From this many inputs on; it is faster than matvec and multiply_few.
  std::int64_t from = 0;
  // 1: inputs are floats. 2: they are rounded to bfloat16 (nearest even; subnormals are zero),
  // products are exact and sums are floats.
  std::int64_t inputs_per_word = 1;
  // Rows of x to the tile of that number.
  void (*pack)(const float* x, std::int64_t x_stride, std::int64_t tile,
               const InputTiles& to) = nullptr;
  // y[m*y_stride + r] = Σ_k w[r][k] · x[m][k], in an order of its own. Fastest with rows a multiple
  // of kFloatPanelRows. scratch: kFloatPanelScratch floats on a 64-byte border.
  void (*multiply)(const void* w, std::int64_t rows, std::int64_t cols, const InputTiles& x,
                   float* scratch, float* y, std::int64_t y_stride) = nullptr;
  // The same for fewer inputs, in tiles of one row each. Null: matvec does it. Where inputs are
  // rounded, few and many are: what a sequence says should not hang on who runs beside it.
  void (*multiply_few)(const void* w, std::int64_t rows, std::int64_t cols, const InputTiles& x,
                       float* y, std::int64_t y_stride) = nullptr;
};
inline constexpr std::int64_t kFloatPanelRows = 48;
inline constexpr std::int64_t kFloatPanelScratch = 1024 * kFloatPanelRows;

struct KernelTable {
  const char* name;  // "generic", "avx2", "avxvnni", "avx512", "avx512bf16"

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
  // Tokens that packed_matmul multiplies together at best: the largest QuantizedRows::block.
  std::int64_t block_tokens;
  // One token's activations (n of them, in to.inputs) to signed bytes, as token t of `to`.
  // scale = max|x| / 127 of a span, q = x · (127 / max|x|) rounded to nearest even. A span whose
  // largest magnitude is below 2^-100 counts as zeros.
  void (*quantize_row)(const float* x, std::int64_t n, const QuantizedRows& to, std::int64_t t);
  // Any vector to signed bytes with one scale, which is returned; q has room for n rounded up to
  // 16. Arithmetic as above.
  float (*quantize_vector)(const float* x, std::int64_t n, std::int8_t* q);
  // y[t · y_stride + r] for every token t of x and the rows r of tiles [first_tile,
  // last_tile): shared/packed.h says in which order. y is written only.
  void (*packed_matmul)(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                        const QuantizedRows& x, float* y, std::int64_t y_stride);

  // ---- conversions, exact as tensor/float16.h (a NaN becomes quiet)
  void (*f16_to_f32)(const std::uint16_t* x, std::int64_t n, float* y);
  void (*bf16_to_f32)(const std::uint16_t* x, std::int64_t n, float* y);
  void (*f32_to_f16)(const float* x, std::int64_t n, std::uint16_t* y);

  // ---- elementwise
  void (*add)(const float* x, std::int64_t n, float* y);  // y += x
  // y[i] = x[i] · weight[i] / sqrt(mean(x²) + eps); x may be y (Zhang & Sennrich 2019)
  void (*rms_norm)(const float* x, const float* weight, float eps, std::int64_t n, float* y);
  // out[i] = silu(gate[i]) · up[i], silu(x) = x / (1 + e^-x); out may be gate or up
  void (*silu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
  // The same with GELU's tanh form.
  void (*gelu_mul)(const float* gate, const float* up, std::int64_t n, float* out);
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
  // [64][head_dim]. Of int8, 64 float scales follow either, one per position. next_keys: the
  // keys that are asked for next, or these again; they are only prefetched.
  // Each page is one online-softmax block, so the bits depend on the page size, which is a
  // constant of the model (kKvPageTokens), and on nothing else.
  using Attend = void (*)(const float* q, std::int64_t queries, std::int64_t head_dim,
                          const void* keys, const void* values, const void* next_keys,
                          const std::int32_t* first, const std::int32_t* last, float* m, float* l,
                          float* o);
  Attend attend_f32;
  Attend attend_f16;
  Attend attend_int8;

  // ---- sampling
  // Σ e^(x[i] - max), in the reduction order; max must be the maximum of x.
  float (*sum_exp)(const float* x, std::int64_t n, float max);

  // ---- quantizing weights, one group of sixteen rows (lib/quant)
  // values: n × 16, element (k, row); importance: n weights >= 0 of the squared error.
  // Finds for each row what makes Σ importance · (value - approximation)² small; codes are
  // 0 … top_code (15 or 255).
  // approximation: scale · (code - (top_code + 1) / 2)
  void (*search_scales)(const float* values, const float* importance, std::int64_t n,
                        std::int32_t top_code, float* scales);
  // approximation: scale · code + minimum
  void (*search_lines)(const float* values, const float* importance, std::int64_t n,
                       std::int32_t top_code, float* scales, float* minimums);
  // Replaces values (n × 16) by the nearest codes of scale · code + minimum, as floats; signal
  // and error (16 each) are Σ value² and Σ (value - approximation)² of each row.
  void (*encode_group)(float* values, std::int64_t n, std::int32_t top_code, const float* scales,
                       const float* minimums, float* signal, float* error);
  // The same with approximation: scale · grid[code]; grid has 16 increasing values, borders the
  // 15 in the middle between neighbours, which lie within ±123 and more than 8 apart.
  void (*search_grid)(const float* values, const float* importance, std::int64_t n,
                      const float* grid, const float* borders, float* scales);
  void (*encode_grid)(float* values, std::int64_t n, const float* grid, const float* borders,
                      const float* scales, float* signal, float* error);
  // out[16 k + r] = rows[r · stride + k] · factor for k < n, r < count <= 16; 0 for other r.
  void (*transpose_tile)(const float* rows, std::int64_t stride, std::int64_t count, std::int64_t n,
                         float factor, float* out);

  // ---- the machine's limits, for bench
  // Reads `bytes` bytes once, in order.
  void (*probe_read)(const void* data, std::size_t bytes);
  // Multiplies and adds in a loop, and returns how many operations that was (a multiply and
  // an add are two).
  double (*probe_f32)(std::int64_t steps);
  double (*probe_int8)(std::int64_t steps);
  double (*probe_bf16)(std::int64_t steps);  // with bfloat16, as bf16 multiplies
};

// Positions per page of the KV cache; also the block of the online softmax.
inline constexpr std::int64_t kKvPageTokens = 64;

// The table in use: the best that the CPU has, or what LATHE_ISA names. Throws Error
// (kUnsupported) when LATHE_ISA names a table that is unknown or that the CPU lacks; the
// choice is made once.
const KernelTable& kernels();
// Makes kernels() another table, for tests that compare them; while nothing computes.
void use_kernels(const KernelTable& table) noexcept;

// Every table this CPU can run, generic first: for tests and for --version.
struct KernelTables {
  const KernelTable* tables[5];  // worst first
  int count;
};
KernelTables available_kernels() noexcept;

}  // namespace lathe
