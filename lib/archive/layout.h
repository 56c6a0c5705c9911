// What an archive says of itself: the files that it holds, and what they are cut into.
//
// An archive is a safetensors file. Its __metadata__ (all values are text):
//
//   format          "lathe-archive"
//   format_version  "1"
//   tool            the program that wrote it
//   files           JSON, as below
//   base            JSON, as below: the model that differences are to; absent: there are none
//   xxh3.header     XXH3-64 of `files`, a newline and `base`, as 16 hexadecimal digits
//
//   files = {"open": "model.gguf",          what a model is opened by; "": all, as a folder
//            "files": [{"name": "model.gguf", "bytes": N, "xxh3": "16 hexadecimal digits",
//                       "parts": [{"elements": "bf16", "bytes": n}, ...]}, ...]}
//   base  = {"path": "../base.gguf",        from the archive's folder, as it was when it was made
//            "files": [{"name": "base.gguf", "bytes": N, "xxh3": "..."}, ...]}
//
// A part is a run of a file's bytes: a tensor, or with "between": true what stands between them
// (headers, whole texts). The parts of a file follow each other without gap; the archive's tensors,
// U8 in one dimension, are the parts' in the same order. With "base": [f, offset] it is coded
// against as many bytes of the base's file f, from that offset on.
//
// A part's tensor: its chunks (archive/chunk.h), each of 256 KB but the last, plane after plane;
// then a record per chunk: XXH3-64 of the plain bytes, u64, and the stored size of each plane, u32
// (all little-endian). A chunk whose planes are all of size 0 is the base's.
//
// Errors: kInvalid with the file and the place in the JSON; kUnsupported for other versions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/planes.h"

namespace lathe::archive {

inline constexpr const char* kFormat = "lathe-archive";
inline constexpr const char* kVersion = "1";
inline constexpr const char* kKeyFormat = "format";
inline constexpr const char* kKeyVersion = "format_version";
inline constexpr const char* kKeyTool = "tool";
inline constexpr const char* kKeyFiles = "files";
inline constexpr const char* kKeyBase = "base";
inline constexpr const char* kKeySum = "xxh3.header";

struct BasePlace {
  std::size_t file = 0;
  std::uint64_t offset = 0;
};

struct Part {
  Elements elements = Elements::kBytes;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  // in its file; follows from those before
  bool between = false;
  std::optional<BasePlace> base = {};

  std::uint64_t chunks() const noexcept;
  // Of a chunk's record.
  std::size_t record_bytes() const noexcept { return 8 + 4 * element_bytes(elements); }
};

struct ArchivedFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sum;
  std::vector<Part> parts;
};

struct Base {
  std::string path;
  std::vector<ArchivedFile> files;  // without parts
};

struct Layout {
  std::string open;
  std::vector<ArchivedFile> files;
  std::optional<Base> base = {};
};

// xxh3.header
std::string header_sum(std::string_view files, std::string_view base);

// The metadata, and the other way round. What read_layout() gives is checked: names are relative
// paths that lead nowhere else and come once, parts add up to their file, and what they refer to in
// the base is there.
std::map<std::string, std::string> layout_metadata(const Layout& layout);
Layout read_layout(const std::map<std::string, std::string>& metadata, const std::string& file);

}  // namespace lathe::archive
