// The native file, .lathe: what stands where. lathe(5) says the same for other readers.
//
// A safetensors file. Its __metadata__ (all values are text):
//
//   format          "lathe"
//   format_version  "1"; a reader refuses versions that it does not know
//   blocks          JSON, {"tensor": "Q4_K", ...}: matrices stored as ggml's blocks; such a tensor
//   is
//                   U8 with the shape [rows, bytes of a row]
//   packed          JSON, {"tensor": "w4g64", ...}: matrices in the kernels' layout
//                   (tensor/packed_matrix.h); such a tensor is U8 with the shape [bytes]
//   tool, recipe, source.format, source.name, source.xxh3       provenance
//   xxh3.tensors    16 hexadecimal digits per tensor, by spaces: XXH3-64 of its bytes, in the
//                   data's order
//   xxh3.header     the same of the header: of header_checksum()'s text
//   others          what the source said of itself (general.license, ...)
//
// Its tensors, the data on a page and each tensor on 64 bytes:
//
//   weights         Hugging Face's names, [out, in], rows of q and k in half order
//   __file__/NAME   U8, a file of Hugging Face's folder: config.json, generation_config.json,
//                   tokenizer.json, tokenizer.model, ...
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"
#include "lathe/tokenizer_files.h"

#include "container/safetensors_reader.h"

namespace lathe::lathe_file {

inline constexpr const char* kFormat = "lathe";
inline constexpr const char* kVersion = "1";
inline constexpr std::string_view kFilePrefix = "__file__/";
inline constexpr std::uint64_t kDataAlignment = 4096;
inline constexpr std::uint64_t kTensorAlignment = 64;

// Keys of __metadata__.
inline constexpr const char* kKeyFormat = "format";
inline constexpr const char* kKeyVersion = "format_version";
inline constexpr const char* kKeyBlocks = "blocks";
inline constexpr const char* kKeyPacked = "packed";
inline constexpr const char* kKeyTool = "tool";
inline constexpr const char* kKeyRecipe = "recipe";
inline constexpr const char* kKeySourceFormat = "source.format";
inline constexpr const char* kKeySourceName = "source.name";
inline constexpr const char* kKeySourceHash = "source.xxh3";
inline constexpr const char* kKeyTensorSums = "xxh3.tensors";
inline constexpr const char* kKeyHeaderSum = "xxh3.header";

// True for keys that the writer sets itself, so that a conversion does not copy them.
bool is_own_key(std::string_view key) noexcept;

// xxh3.header, the checksum of this text: "key\nvalue\n" per metadata entry but that one, in
// the keys' byte order; then "name\ntype\nshape\n" per tensor in the data's order, without
// padding, the shape as "2,3".
std::string header_checksum(const std::map<std::string, std::string>& metadata,
                            std::span<const TensorSpec> tensors);

// What tokenizer.json says once more, as tables (tokenizer/bpe/compiled.h); no file of a folder.
inline constexpr std::string_view kCompiledTokenizer = "tokenizer.compiled";

// The tokenizer's files by name, those that are there. Throws kBug for a GGUF vocabulary.
std::vector<std::pair<std::string, const std::string*>> named_files(const TokenizerFiles& files);
// The field that holds the file, or nullptr.
std::string* file_by_name(TokenizerFiles& files, std::string_view name);

// Whether a safetensors file is a native one.
bool is_native(const SafetensorsReader& file);

// Compares every tensor, and the header, with its checksum.
VerifyReport verify_checksums(const SafetensorsReader& file, const ProgressCallback& progress = {});

// `packed`: tensor -> scheme.
std::map<std::string, std::string> read_packed(const SafetensorsReader& file);

// `blocks`: tensor -> type, checked.
std::map<std::string, DType> read_blocks(const SafetensorsReader& file);

}  // namespace lathe::lathe_file
