#include "quant/foreign_scheme.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "quant/gguf_mixture.h"
#include "quant/mixture.h"
#include "quant/scheme.h"

namespace lathe {
namespace {

// What a name begins with, in lower case and without its separators, and what is near to it. The
// first that fits counts.
constexpr std::pair<std::string_view, std::string_view> kPrefixes[] = {
    {"q2", "w2"},  {"q3", "w3"},    {"q4", "w4"},    {"q5", "w5"},   {"q6", "w6"},
    {"q8", "w8"},  {"iq1", "w2"},   {"iq2", "w2"},   {"iq3", "w3"},  {"iq", "w4"},
    {"tq", "w2"},  {"mxfp4", "w4"}, {"fp4", "w4"},   {"nf4", "w4"},  {"int4", "w4"},
    {"i4", "w4"},  {"gptq", "w4"},  {"awq", "w4"},   {"int8", "w8"}, {"i8", "w8"},
    {"fp8", "w8"}, {"fp16", "f16"}, {"fp32", "f32"},
};

std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == '.' || c == ' ') continue;
    out += to_lower_ascii(c);
  }
  return out;
}

bool is_scheme(const std::string& name) {
  return is_mixture(name) || is_gguf_mixture(name) || scheme_by_name(name).has_value();
}

}  // namespace

std::string nearest_scheme(std::string_view name) {
  const std::string word = plain(name);
  if (is_scheme(word)) return word;  // "W4", "w4-g64"
  for (const auto& [prefix, scheme] : kPrefixes) {
    if (word.starts_with(prefix)) return std::string(scheme);
  }
  for (const std::string_view type : {"float16", "half"}) {
    if (word == type) return "f16";
  }
  if (word == "bfloat16") return "bf16";
  if (word == "float32" || word == "float") return "f32";
  // "w4g48", "w8nlg32", "w4x": the longest beginning that is a scheme.
  for (std::string start = word; start.size() > 1; start.pop_back()) {
    if (is_scheme(start)) return start;
  }
  return "";
}

std::string nearest_gguf_scheme(std::string_view name) {
  if (name.starts_with("w2")) return "q2_k";
  if (name.starts_with("w3")) return "q3_k_m";
  if (name.starts_with("w5")) return "q5_k_m";
  if (name.starts_with("w6")) return "q6_k";
  return name.starts_with("w8") ? "q8_0" : "q4_k_m";
}

}  // namespace lathe
