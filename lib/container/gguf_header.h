// The header of one GGUF file (v2 and v3, little-endian): metadata and tensor infos.
//
//   "GGUF" | version u32 | tensors u64 | keys u64
//   keys ×    { key string | type u32 | value }
//   tensors × { name string | n_dims u32 | dims u64 × n_dims, innermost first | type u32 |
//               offset u64, from the beginning of the data }
//   zeros up to a multiple of general.alignment (32) | data
//
//   string = length u64, bytes; array = element type u32, count u64, elements.
//
// Everything that parse_gguf() returns is checked: names are unique, valid UTF-8 and without
// NUL; tensors lie inside the file, aligned, and tile the data without overlap or hole; counts were
// compared with the file's size before anything was allocated. Values are views of the
// bytes that were parsed. String values are bytes: nothing says that they are UTF-8.
//
// Errors: kInvalid with the file, the field and the offset; kUnsupported for version 1,
// big-endian files and tensor types that are not read here.
// Source: the GGUF specification (ggml, docs/gguf.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "container/tensor_entry.h"

namespace lathe {

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::uint32_t kGgufVersion = 3;
inline constexpr std::uint64_t kGgufDefaultAlignment = 32;
// general.alignment is a power of two in this range (the specification asks for a multiple
// of 8; the upper end is the largest page that a memory map may want).
inline constexpr std::uint64_t kGgufLeastAlignment = 8;
inline constexpr std::uint64_t kGgufMostAlignment = std::uint64_t{1} << 21;

// Type numbers of metadata values, as the file holds them.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// "u32", "string"...
std::string_view gguf_type_name(GgufType type) noexcept;
// Bytes of a value of fixed size, 0 for strings and arrays.
std::size_t gguf_type_bytes(GgufType type) noexcept;

// A value in place. For arrays `type` is kArray and `element` the type of its `count` elements.
// `data` holds the value's bytes: of a string without its length; of an array without its
// type and count (string elements keep their lengths).
struct GgufValue {
  GgufType type = GgufType::kU8;
  GgufType element = GgufType::kU8;
  std::uint64_t count = 1;
  std::span<const std::byte> data;
};

struct GgufEntry {
  std::string key;
  GgufValue value;
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::uint64_t alignment = kGgufDefaultAlignment;
  std::uint64_t data_offset = 0;
  std::vector<GgufEntry> metadata;   // in the file's order
  std::vector<TensorEntry> tensors;  // in the file's order
};

// `file` names the bytes in messages.
GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file);

}  // namespace lathe
