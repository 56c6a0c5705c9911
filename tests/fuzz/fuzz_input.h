// What fuzz targets share: the input as bytes and text, and reading a whole tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "lathe/error.h"

#include "container/tensor_entry.h"
#include "tensor/dequantize.h"

namespace lathe::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A parser may throw Error and nothing else, and never kBug.
template <typename Call>
void expect_no_bug(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBug) std::abort();
  }
}

// An accepted tensor lies inside the file and decodes.
inline void use_tensor(const TensorEntry& tensor, std::span<const std::byte> file) {
  std::size_t elements = 1;
  for (const auto d : tensor.shape) elements *= static_cast<std::size_t>(d);
  if (tensor.offset > file.size() || tensor.bytes > file.size() - tensor.offset) std::abort();
  const auto bytes = file.subspan(tensor.offset, tensor.bytes);
  std::vector<float> out(elements);
  decode_to_f32(tensor.dtype, bytes, out);
  find_bad_scale(tensor.dtype, bytes);
}

}  // namespace lathe::fuzz
