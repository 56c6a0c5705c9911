// Quantization: a checkpoint in, smaller files out.
//
// Schemes name how a matrix is stored:
//
//   w8r           8 bits, one scale per output row
//   w8g32         8 bits, one scale per 32 neighbouring inputs; g16, g64 and g128 too
//   w4g32         4 bits likewise; w2g32, w3g32, w5g32 and w6g32 2, 3, 5 and 6 bits
//   w4nlg32       4 bits on a non-linear grid: sixteen values; w3nlg32 eight, w2nlg32 four
//   ...a          asymmetric: a minimum beside each scale (not with nl)
//   ...d          double quantization: scales of 8 bits, a half per 256 inputs (Dettmers 2023)
//   ...x          activations in two bytes, not one (with 8 bits, not with a)
//   w4            the mixture that measured best for its bits: w4nlg64 for gate and up; w4nlg32d
//                 for attention and down; w6g32d for the output and values of grouped heads, w5g32d
//                 for their keys; w8r for the first queries and keys; w4nlg16d for an embedding
//   w2 w3         mixtures of w2nlg16d, w3nlg32d and w3nlg16d, with more bits there
//   w5 w6         w5g32d and w6g32d likewise; such values and the first layer's have w8g32
//   w8            w8g16dx for all: activations in one byte would lose twice as much as such weights
//                 do
//   q4_0 q4_1 q5_0 q5_1 q8_0 q3_k q4_k q5_k q6_k mxfp4   ggml's types, for GGUF files
//   q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m iq4_xs iq4_nl mxfp4_moe
//                 mixtures of them; in a rule, q2_k, iq4_xs and iq4_nl are the types
//   gptq awq compressed-tensors   4 bits in groups of 128, in a Hugging Face folder for other
//   programs;
//                 gptq4g32 gptq8g64 awq4g64 w4a16g128 w8a16g32 and so on
//   f32 f16 bf16  a float type;  keep: as it is
//
// Scales are found by searching for the least squared error, weighted by the importance of
// each input when that was measured (importance.h). Vectors (norms, biases) are kept.
//
// The result depends on the input and the options alone: not on threads or instruction set.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"

namespace lathe {

// All names of schemes, for people: "w2, w3, w4 (mixtures), w8r, w4gN, ... and keep".
LATHE_API std::string quantize_schemes();
// Each of them, as it is spelled, for programs: "w4", ..., "w4g16", "w4g16d", ..., "keep".
LATHE_API std::vector<std::string> quantize_scheme_names();

// Matrices whose name matches get this scheme; the last rule that matches wins.
struct QuantizeRule {
  std::string pattern;  // regular expression (PCRE2), searched in the tensor's name
  std::string scheme;
};

// What a text says of the inputs x of a model's matrices: E[x xᵀ]. Matrices are asked for one after
// another in the order of a pass through the model, the embedding first.
class LATHE_API InputProducts {
 public:
  virtual ~InputProducts();
  // [inputs, inputs], symmetric, of the matrix that has that role; null where nothing is known.
  // Matrices that read the same inputs may share one.
  virtual std::shared_ptr<const std::vector<float>> of(const TensorId& matrix) = 0;
};

struct QuantizeOptions {
  std::string scheme = "w4";
  std::vector<QuantizeRule> rules;
  // Per matrix, the importance of each input; matrices that are not named count all alike.
  std::map<std::string, std::vector<float>> importance;
  // With these, weights that are rounded later make good what those before them lost.
  std::shared_ptr<InputProducts> products;
  // Beside products: then each weight and scale of the kernels' own schemes is looked at again.
  bool descent = false;
  int threads = 0;  // 0: available_cpus()
  bool overwrite = false;
  // Quantize matrices, too, that are quantized in the source: what they lost there stays lost.
  bool requantize = false;
  // Keep what a killed run left in NAME.partial, and leave that file there when interrupted.
  bool resume = false;
  ProgressCallback progress;  // bytes of the source, once per output
};

struct QuantizedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  DType from = DType::kF32;
  std::string scheme;  // as it was decided: never a mixture; "keep" for what stays
  std::uint64_t bytes = 0;
  double bits_per_weight = 0.0;
  // Filled when it was computed:
  std::optional<double> sqnr;  // decibels, whole tensor
  std::int64_t worst_row = 0;
  double worst_row_sqnr = 0.0;
};

struct QuantizeReport {
  std::vector<QuantizedTensor> tensors;  // in the file's order
  std::uint64_t source_bytes = 0;
  std::uint64_t output_bytes = 0;  // of tensors
  double bits_per_weight = 0.0;    // over all weights
  // Matrices that were quantized already, and the types they had ("Q8_0"), each once.
  std::size_t requantized = 0;
  std::vector<std::string> requantized_from;
  // Experts whose importance is not known, though others' is: no token of the calibration text met
  // them ("layer 3, expert 5").
  std::vector<std::string> unmet_experts;
  std::size_t kept = 0;  // tensors that an earlier, killed run had finished
  bool done = false;     // all of it was there already: nothing was measured or written
  double seconds = 0.0;
};

// What quantize() would do. Throws kUsage for an unknown scheme, and for a pattern that does not
// compile or is in the name of no matrix.
LATHE_API QuantizeReport plan_quantization(const Checkpoint& checkpoint, const std::string& output,
                                           const QuantizeOptions& options);

// One tensor at a time in memory. `output` ends in ".gguf" for a GGUF file (ggml's types and
// floats only); with a scheme of folders it is one; any other name makes a .lathe file. Throws
// kInvalid for weights that are not finite, naming the tensor; kUnsupported for a source that is
// quantized already, without requantize; kUsage for an output that is the source; kIo. A matrix
// that has the wanted type already is copied.
LATHE_API QuantizeReport quantize(const Checkpoint& checkpoint, const std::string& output,
                                  const QuantizeOptions& options);

// Several outputs in one pass: each tensor of the source is read once. threads and progress are
// the first one's.
struct QuantizeTarget {
  std::string output;
  QuantizeOptions options;
};
LATHE_API std::vector<QuantizeReport> quantize(const Checkpoint& checkpoint,
                                               const std::vector<QuantizeTarget>& targets);

// Whether a file is what its recipe makes of `checkpoint`.
struct RebuildOptions {
  // What the recipe was weighted with, when it was.
  std::map<std::string, std::vector<float>> importance;
  std::shared_ptr<InputProducts> products;
  int threads = 0;
  ProgressCallback progress;  // bytes of the source
};
struct RebuildReport {
  std::string recipe;  // JSON, as it stands in the file
  std::size_t tensors = 0;
  // Names of tensors (of the file) whose bytes differ, in the file's order; "(header)" for the
  // file's own description, "(size)" when there is more or less than there should be.
  std::vector<std::string> differing;
};

// Quantizes again, comparing bit for bit with `file` (.lathe or .gguf). Throws kInvalid when the
// file has no recipe, or was made of other weights or another importance matrix; kUsage when the
// importance matrix is needed; kUnsupported when the recipe is of another revision.
LATHE_API RebuildReport rebuild(const std::string& file, const Checkpoint& checkpoint,
                                const RebuildOptions& options);

}  // namespace lathe
