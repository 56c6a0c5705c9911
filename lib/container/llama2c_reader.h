// llama2.c's first checkpoint format ("version 0" .bin), mapped.
//
//   int32 × 7: dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
//   (vocab_size < 0: its absolute value, and the classifier has weights of its own)
//   then float32 tensors without names, each for all layers at once:
//
//   token_embedding  [vocab, dim]
//   rms_att          [layers, dim]
//   wq               [layers, heads · head, dim]        head = dim / heads
//   wk, wv           [layers, kv_heads · head, dim]
//   wo               [layers, dim, heads · head]
//   rms_ffn          [layers, dim]
//   w1, w2, w3       [layers, hidden, dim], [layers, dim, hidden], [layers, hidden, dim]
//   rms_final        [dim]
//   freq_cis_real    [seq_len, head / 2], freq_cis_imag the same (unused: they are computed)
//   wcls             [vocab, dim], only when vocab_size < 0
//
// Rows of wq and wk are in the interleaved rotary order (pairs 2i, 2i + 1).
// The format has no magic number; what identifies a file is that its size is exactly
// what the seven numbers ask for.
//
// Errors: kInvalid, kIo. Immutable and thread-safe after open().
// Source: github.com/karpathy/llama2.c, run.c (layout only).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "container/tensor_file.h"
#include "io/mapped_file.h"

namespace lathe {

struct Llama2cHeader {
  std::int64_t dim = 0;
  std::int64_t hidden_dim = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t vocab_size = 0;  // absolute value
  std::int64_t seq_len = 0;
  bool shared_classifier = true;
  std::vector<TensorEntry> tensors;  // in the file's order, named as above
};

inline constexpr std::size_t kLlama2cHeaderBytes = 28;

Llama2cHeader parse_llama2c(std::span<const std::byte> bytes, const std::string& file);

class Llama2cReader final : public TensorFile {
 public:
  static std::shared_ptr<const Llama2cReader> open(const std::string& path);
  static std::shared_ptr<const Llama2cReader> open(std::shared_ptr<const MappedFile> file);
  // True when the header's numbers make sense and ask for exactly this size.
  static bool looks_like(std::span<const std::byte> bytes) noexcept;

  // Its tensors are listed as tensors() only.
  const Llama2cHeader& header() const noexcept { return header_; }

 private:
  explicit Llama2cReader(std::string path) : TensorFile(std::move(path)) {}

  Llama2cHeader header_;
};

}  // namespace lathe
