// Padding tensors of the native file.
//
// safetensors allows no gap between tensors, so a file whose tensors must start on 64 bytes
// (to be mapped and used in place) has, wherever one ends elsewhere, a tensor of zero bytes named
// "__pad.N__", U8, of 1 to 63 elements. Any reader of the format sees an ordinary tensor; ours
// leave it out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "container/tensor_entry.h"

namespace lathe {

inline std::string padding_tensor_name(std::size_t number) {
  return fmt::format("__pad.{}__", number);
}

inline bool is_padding_tensor(const TensorSpec& tensor) noexcept {
  constexpr std::string_view kBegin = "__pad.";
  constexpr std::string_view kEnd = "__";
  const std::string_view name = tensor.name;
  if (name.size() <= kBegin.size() + kEnd.size() || !name.starts_with(kBegin) ||
      !name.ends_with(kEnd)) {
    return false;
  }
  const std::string_view number =
      name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; }) &&
         tensor.dtype == DType::kU8 && tensor.shape.size() == 1 && tensor.shape[0] < 64;
}

}  // namespace lathe
