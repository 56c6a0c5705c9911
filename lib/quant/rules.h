// Which scheme a matrix gets: the mixture or the one scheme, then the rules, the last that
// matches winning.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/quantize.h"

#include "quant/gguf_mixture.h"
#include "quant/scheme.h"

namespace lathe {

class SchemeRules {
 public:
  // Throws kUsage for an unknown scheme, for a pattern that does not compile, and for one that is
  // in the name of no matrix: it would do nothing.
  SchemeRules(const QuantizeOptions& options, std::span<const TensorInfo> tensors);
  ~SchemeRules();

  // Whether the model or a rule has a scheme of Hugging Face folders.
  static bool are_for_folders(const QuantizeOptions& options);

  MatrixScheme scheme_for(const TensorInfo& matrix, CheckpointFormat format) const;

 private:
  struct Rule;
  void check_all_match(std::span<const TensorInfo> tensors) const;
  MatrixScheme resolve(const std::string& scheme, const TensorInfo& matrix,
                       CheckpointFormat format) const;

  std::string scheme_;
  std::vector<Rule> rules_;
  MixtureModel model_;
};

}  // namespace lathe
