// The header of one safetensors file.
//
//   length u64, little-endian | JSON of that length, spaces may follow it | data
//   {"__metadata__": {"key": "text", ...},
//    "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
//
// Everything that parse_safetensors() returns is checked: the header has at most 100 MB and
// begins with '{'; names are unique, valid UTF-8 and without NUL; spans are exactly shape × type
// and tile the data without hole or overlap up to the file's end. Zero-sized tensors are
// legal. The JSON is read event by event, so memory stays in proportion to the header.
//
// Errors: kInvalid with the file, the tensor and the offset; kUnsupported for element types that
// exist but are not read here (F6_E2M3, U16...). Those of quantized matrices' parts (F8_E4M3, F4,
// U32...) appear as bytes, with the name beside. Source: the format's own
// description, github.com/huggingface/safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "container/tensor_entry.h"

namespace lathe {

inline constexpr std::uint64_t kSafetensorsMostHeader = 100'000'000;

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;  // __metadata__
  std::vector<TensorEntry> tensors;             // by offset
  // By tensor, the format's name of a type that DType has not ("F8_E4M3"): dtype and shape describe
  // the bytes.
  std::map<std::string, std::string_view, std::less<>> bytes_types;
  std::uint64_t data_offset = 0;
};

// `file` names the bytes in messages.
SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file);

// The format's name of the type ("F32", "BOOL"), or nothing for ggml's block types.
std::optional<std::string_view> safetensors_type_name(DType dtype) noexcept;

}  // namespace lathe
