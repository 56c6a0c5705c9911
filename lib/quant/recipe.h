// The recipe of a quantized file: all that is needed to make it again from the same weights.
//
// One line of JSON in the file's metadata ("recipe" of .lathe, "lathe.recipe" of GGUF):
//
//   {"quantize":{"revision":6,"version":"0.1.0","scheme":"w4","rules":[["v_proj","w8"]],
//    "importance":"0123456789abcdef","effort":"good"}}
//
// rules: [pattern, scheme], the last that matches counts. importance: XXH3-64 of the importance
// matrix, where one was used. effort: "good" where errors were fed back (by the products of the
// text that the importance matrix was measured on too), "best" where weights were looked at again.
#pragma once

#include <string>
#include <string_view>

#include "lathe/quantize.h"

namespace lathe {

// Counts changes of the quantizers that change bytes.
inline constexpr int kQuantizerRevision = 7;

struct Recipe {
  int revision = kQuantizerRevision;
  std::string version;
  std::string scheme;
  std::vector<QuantizeRule> rules;
  std::string importance;  // checksum, or empty
  bool feedback = false;
  bool descent = false;

  std::string text() const;
};

Recipe make_recipe(const QuantizeOptions& options);
// Throws kInvalid, naming `file`, for a text that is no recipe of quantize.
Recipe parse_recipe(std::string_view text, const std::string& file);

// Of names, sizes and values, in the names' order.
std::string importance_checksum(const std::map<std::string, std::vector<float>>& importance);

}  // namespace lathe
