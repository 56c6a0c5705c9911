// Opening a GGUF model: one file, or all the files of a split one.
//
// A split model is opened by its first file, whose name ends in "-00001-of-0000N.gguf" and whose
// keys split.no, split.count and split.tensors.count must agree with what is found; metadata
// is the first file's. Opening maps the files and reads their headers only. Immutable afterwards
// and thread-safe; views that it returns live as long as it does.
//
// Typed lookups give nothing when the key is absent and throw kInvalid, naming key and
// types, when it holds something else. Errors of open(): those of parse_gguf(), kInvalid for
// splits that do not fit each other, kIo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "container/gguf_header.h"
#include "container/tensor_file.h"
#include "io/file_set.h"
#include "io/mapped_file.h"

namespace lathe {

class GgufReader final : public TensorFile {
 public:
  static std::shared_ptr<const GgufReader> open(const std::string& path);
  // `file` is the only one, or the first, and the others are in the same folder, or in `set`.
  static std::shared_ptr<const GgufReader> open(std::shared_ptr<const MappedFile> file,
                                                const FileSet* set = nullptr);
  // True when the file begins as GGUF does; never throws for the content.
  static bool looks_like(std::span<const std::byte> bytes) noexcept;

  std::uint32_t version() const noexcept { return version_; }
  std::uint64_t alignment() const noexcept { return alignment_; }

  // ---- metadata, in the file's order
  std::span<const GgufEntry> metadata() const noexcept { return metadata_; }
  const GgufValue* find(std::string_view key) const noexcept;

  // Any integer type; a value that does not fit int64 throws.
  std::optional<std::int64_t> get_int(std::string_view key) const;
  std::optional<double> get_double(std::string_view key) const;  // f32, f64 or an integer
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  // Throws when the key is absent, too, or the value is not in [least, most].
  std::int64_t require_int(std::string_view key, std::int64_t least, std::int64_t most) const;
  std::string_view require_string(std::string_view key) const;

  std::optional<std::vector<std::string_view>> get_strings(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> get_ints(std::string_view key) const;
  std::optional<std::vector<float>> get_floats(std::string_view key) const;  // f32 or f64 array
  // A number or an array of numbers: some keys (head_count_kv) hold one per layer.
  std::optional<std::vector<std::int64_t>> get_int_or_ints(std::string_view key) const;

 private:
  explicit GgufReader(std::string path) : TensorFile(std::move(path)) {}
  void open_splits(const FileSet* set);
  [[noreturn]] void fail_type(std::string_view key, const GgufValue& value,
                              std::string_view wanted) const;

  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 0;
  std::vector<GgufEntry> metadata_;
  std::unordered_map<std::string_view, std::size_t> key_index_;  // views of metadata_'s keys
};

}  // namespace lathe
