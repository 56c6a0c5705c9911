// The native file, .lathe: what stands where (lathe(5) is the reference).
//
// A safetensors file. Its __metadata__:
//
//   format          "lathe"
//   format_version  "1": a reader refuses versions that it does not know
//   blocks          JSON: tensor name -> ggml block type, for matrices stored as blocks; such a
//                   tensor is U8 with the shape [rows, bytes of a row]
//   source.format, source.name, source.xxh3, tool, recipe       provenance, free text
//   general.*, ...  what else the source said of itself
//
// Its tensors, data on a page and each tensor on 64 bytes:
//
//   weights         Hugging Face's names, [out, in]
//   __file__/NAME   U8: config.json, generation_config.json, and the tokenizer's files;
//                   "vocabulary.gguf" is a GGUF vocabulary as a GGUF file of its own
//   __xxh3__        U8 [n + 1, 8], the last one: XXH3-64 (little-endian) of everything before the data,
//                   then of each tensor before this one, in the data's order
//
// Matrices in several parts (packed weights, scales...) will have tensors of their own beside
// them, named in the metadata by scheme.
#pragma once

#include <cstdint>

#include <string>
#include <string_view>

namespace lathe {

namespace lathe_file {
inline constexpr std::string_view kFormat = "lathe";
inline constexpr std::string_view kVersion = "1";
inline constexpr std::string_view kFilePrefix = "__file__/";
inline constexpr std::string_view kChecksums = "__xxh3__";
inline constexpr std::string_view kVocabulary = "vocabulary.gguf";
inline constexpr std::uint64_t kDataAlignment = 4096;
inline constexpr std::uint64_t kTensorAlignment = 64;

// Keys of __metadata__.
inline constexpr const char* kKeyFormat = "format";
inline constexpr const char* kKeyVersion = "format_version";
inline constexpr const char* kKeyBlocks = "blocks";
}  // namespace lathe_file

// Whether the safetensors file at `path` is a native one. Throws as SafetensorsReader does.
bool is_lathe_file(const std::string& path);

}  // namespace lathe
