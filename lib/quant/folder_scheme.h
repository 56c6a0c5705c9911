// Schemes of Hugging Face folders that other programs run in four or eight bits: GPTQ, AWQ and
// compressed-tensors. Names, the tensors that one matrix becomes, and what config.json says.
//
// lib/foreign/ reads them; its files draw how codes lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/dtype.h"

#include "container/tensor_entry.h"

namespace lathe {

struct FolderScheme {
  enum class Method : std::uint8_t { kGptq, kAwq, kCompressedTensors };

  Method method = Method::kGptq;
  int bits = 4;
  std::int64_t group = 128;  // neighbouring inputs that share a scale
  // Floats of the model, which its readers make of the scales: F16 or BF16.
  DType scale_type = DType::kF16;

  bool operator==(const FolderScheme&) const = default;

  bool has_zeros() const noexcept { return method == Method::kAwq; }  // else in the middle
  int top_code() const noexcept { return (1 << bits) - 1; }
};

// "gptq4g128", "awq4g64", "w4a16g32", or one without a number: "gptq", "awq", "compressed-tensors".
std::optional<FolderScheme> folder_scheme_by_name(std::string_view name);
std::string folder_scheme_name(const FolderScheme& scheme);
std::vector<std::string> folder_scheme_names();

// Why a matrix cannot be had in it, or empty: "has 576 inputs, which are no multiple of 128".
std::string why_not(const FolderScheme& scheme, std::int64_t rows, std::int64_t cols);

// Tensors in the place of "<stem>.weight", in the order in which quantize_matrix() gives them.
std::vector<TensorSpec> folder_tensors(const FolderScheme& scheme, const std::string& stem,
                                       std::int64_t rows, std::int64_t cols);

// quantization_config of config.json. `kept`: modules of matrices that stay floats.
std::string folder_config(const FolderScheme& scheme, const std::vector<std::string>& kept);

}  // namespace lathe
