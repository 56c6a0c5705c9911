#include "quant/folder_scheme.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <span>

#include "base/ascii.h"

namespace lathe {
namespace {

using Method = FolderScheme::Method;
using Json = nlohmann::ordered_json;

struct MethodNames {
  Method method;
  std::string_view alone;   // of four bits in groups of 128
  std::string_view before;  // the bits
  std::string_view after;
  std::span<const int> bits;
};

constexpr int kFour[] = {4};
constexpr int kFourOrEight[] = {4, 8};
constexpr std::int64_t kGroups[] = {32, 64, 128};

constexpr MethodNames kMethods[] = {
    {Method::kGptq, "gptq", "gptq", "g", kFourOrEight},
    {Method::kAwq, "awq", "awq", "g", kFour},
    {Method::kCompressedTensors, "compressed-tensors", "w", "a16g", kFourOrEight},
};

const MethodNames& names_of(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

Json gptq_config(const FolderScheme& scheme, const std::vector<std::string>& kept) {
  Json json = {{"quant_method", "gptq"},     {"checkpoint_format", "gptq"}, {"bits", scheme.bits},
               {"group_size", scheme.group}, {"desc_act", false},           {"sym", true}};
  // What is not there in this form: patterns of modules, each after "-:".
  for (const std::string& module : kept) {
    std::string pattern;
    for (const char c : module) {
      if (c == '.') pattern += '\\';
      pattern += c;
    }
    json["dynamic"][fmt::format("-:^{}$", pattern)] = Json::object();
  }
  return json;
}

Json awq_config(const FolderScheme& scheme, const std::vector<std::string>& kept) {
  return {{"quant_method", "awq"},
          {"version", "gemm"},
          {"bits", scheme.bits},
          {"group_size", scheme.group},
          {"zero_point", true},
          {"modules_to_not_convert", kept.empty() ? Json(nullptr) : Json(kept)}};
}

Json compressed_config(const FolderScheme& scheme, const std::vector<std::string>& kept) {
  const Json weights = {{"num_bits", scheme.bits},    {"type", "int"},
                        {"symmetric", true},          {"strategy", "group"},
                        {"group_size", scheme.group}, {"dynamic", false},
                        {"actorder", nullptr},        {"block_structure", nullptr},
                        {"observer", "minmax"},       {"observer_kwargs", Json::object()}};
  const Json group = {{"targets", Json::array({"Linear"})},
                      {"weights", weights},
                      {"input_activations", nullptr},
                      {"output_activations", nullptr}};
  return {{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"},
          {"quantization_status", "compressed"},  {"global_compression_ratio", nullptr},
          {"kv_cache_scheme", nullptr},           {"ignore", Json(kept)},
          {"config_groups", {{"group_0", group}}}};
}

}  // namespace

std::optional<FolderScheme> folder_scheme_by_name(std::string_view name) {
  const std::string word = to_lower_ascii(name);
  for (const MethodNames& names : kMethods) {
    FolderScheme scheme = {.method = names.method};
    if (word == names.alone) return scheme;
    for (const int bits : names.bits) {
      for (const std::int64_t group : kGroups) {
        scheme.bits = bits;
        scheme.group = group;
        if (word == folder_scheme_name(scheme)) return scheme;
      }
    }
  }
  return std::nullopt;
}

std::string folder_scheme_name(const FolderScheme& scheme) {
  const MethodNames& names = names_of(scheme.method);
  return fmt::format("{}{}{}{}", names.before, scheme.bits, names.after, scheme.group);
}

std::vector<std::string> folder_scheme_names() {
  std::vector<std::string> out;
  for (const MethodNames& names : kMethods) {
    out.emplace_back(names.alone);
    for (const int bits : names.bits) {
      for (const std::int64_t group : kGroups) {
        out.push_back(folder_scheme_name({.method = names.method, .bits = bits, .group = group}));
      }
    }
  }
  return out;
}

std::string why_not(const FolderScheme& scheme, std::int64_t rows, std::int64_t cols) {
  const std::int64_t word = 32 / scheme.bits;
  if (cols % scheme.group != 0) {
    return fmt::format("has {} inputs, which are no multiple of {}", cols, scheme.group);
  }
  if (scheme.method != Method::kCompressedTensors && rows % word != 0) {
    return fmt::format("has {} rows, which are no multiple of {}", rows, word);
  }
  return "";
}

std::vector<TensorSpec> folder_tensors(const FolderScheme& scheme, const std::string& stem,
                                       std::int64_t rows, std::int64_t cols) {
  const std::int64_t word = 32 / scheme.bits;
  const std::int64_t groups = cols / scheme.group;
  switch (scheme.method) {
    case Method::kGptq:
      return {{stem + ".qweight", DType::kI32, {cols / word, rows}},
              {stem + ".qzeros", DType::kI32, {groups, rows / word}},
              {stem + ".scales", DType::kF16, {groups, rows}},
              {stem + ".g_idx", DType::kI32, {cols}}};
    case Method::kAwq:
      return {{stem + ".qweight", DType::kI32, {cols, rows / word}},
              {stem + ".qzeros", DType::kI32, {groups, rows / word}},
              {stem + ".scales", DType::kF16, {groups, rows}}};
    case Method::kCompressedTensors:
      break;
  }
  return {{stem + ".weight_packed", DType::kI32, {rows, cols / word}},
          {stem + ".weight_scale", scheme.scale_type, {rows, groups}},
          {stem + ".weight_shape", DType::kI64, {2}}};
}

std::string folder_config(const FolderScheme& scheme, const std::vector<std::string>& kept) {
  switch (scheme.method) {
    case Method::kGptq:
      return gptq_config(scheme, kept).dump();
    case Method::kAwq:
      return awq_config(scheme, kept).dump();
    case Method::kCompressedTensors:
      break;
  }
  return compressed_config(scheme, kept).dump();
}

}  // namespace lathe
