// Quantization: a checkpoint in, smaller files out.
//
// Schemes name how a matrix is stored:
//
//   w8            8 bits, one scale per output row
//   w8g32         8 bits, one scale per 32 neighbouring inputs; g16, g64 and g128 too
//   w4g32         4 bits likewise (g16, g32, g64, g128)
//   ...a          asymmetric: a minimum beside each scale
//   ...d          double quantization: scales of 8 bits, a half per 256 inputs (Dettmers 2023)
//   w4            the mixture that measured best near 4.3 bits
//   q8_0 q4_0 q4_1   ggml's types, for GGUF files
//   f32 f16 bf16  a float type;  keep: as it is
//
// Scales are found by searching for the least squared error, weighted by the importance of
// each input when that was measured (importance.h). Vectors (norms, biases) are kept.
//
// The result depends on the input and the options alone: not on threads or instruction set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/export.h"
#include "lathe/progress.h"

namespace lathe {

// Matrices whose name matches get this scheme; the last rule that matches wins.
struct QuantizeRule {
  std::string pattern;  // regular expression (PCRE2), searched in the tensor's name
  std::string scheme;
};

struct QuantizeOptions {
  std::string scheme = "w4";
  std::vector<QuantizeRule> rules;
  // Per matrix, the importance of each input; matrices that are not named count all alike.
  std::map<std::string, std::vector<float>> importance;
  int threads = 0;  // 0: available_cpus()
  bool overwrite = false;
  ProgressCallback progress;  // bytes of the source
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
  double seconds = 0.0;
};

// What quantize() would do. Throws kUsage for an unknown scheme or a pattern that does not
// compile.
LATHE_API QuantizeReport plan_quantization(const Checkpoint& checkpoint, const std::string& output,
                                           const QuantizeOptions& options);

// One tensor at a time in memory. `output` ends in ".gguf" for a GGUF file (ggml's types and
// floats only); any other name makes a .lathe file. Throws kInvalid for weights that are not
// finite, naming the tensor; kUnsupported for a source that is quantized already; kIo.
LATHE_API QuantizeReport quantize(const Checkpoint& checkpoint, const std::string& output,
                                  const QuantizeOptions& options);

}  // namespace lathe
