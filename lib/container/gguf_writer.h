// Writing a GGUF file (version 3, little-endian): metadata, then tensors streamed in order.
//
//   GgufMetadata keys;
//   keys.set("general.architecture", "llama");
//   GgufWriter writer(out, keys, tensors);      // writes the header
//   writer.append(bytes) ...                    // each tensor's bytes, in pieces, in order
//   writer.finish();                            // out.commit() is the caller's
//
// Keys keep the order in which they were set. The file's offsets count from `out`'s position at
// construction, which must be 0. Not thread-safe.
//
// Errors: kUnsupported for what the format cannot hold (a type without a ggml number, more
// than 4 dimensions, an empty tensor, a name of more than 63 bytes, which ggml itself refuses),
// kInvalid for bad or repeated names, kBug when the bytes do not add up, kIo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "lathe/host/output_file.h"

#include "container/gguf_header.h"
#include "container/tensor_entry.h"
#include "container/tensor_stream.h"

namespace lathe {

inline constexpr std::size_t kGgmlMostNameBytes = 63;

class GgufMetadata {
 public:
  void set_u32(std::string_view key, std::uint32_t value);
  void set_i32(std::string_view key, std::int32_t value);
  void set_u64(std::string_view key, std::uint64_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  // As it stands in another file.
  void copy(const GgufEntry& entry);

  bool contains(std::string_view key) const;

 private:
  friend class GgufWriter;
  void begin(std::string_view key, GgufType type);
  void begin_array(std::string_view key, GgufType element, std::size_t count);

  std::string bytes_;  // as the file holds them
  std::unordered_set<std::string> keys_;
};

class GgufWriter {
 public:
  // general.alignment is added to the keys unless it is the format's default.
  GgufWriter(ByteOutput& out, const GgufMetadata& metadata, std::vector<TensorSpec> tensors,
             std::uint64_t alignment = kGgufDefaultAlignment);

  void append(std::span<const std::byte> bytes) { stream_->append(bytes); }
  // The current tensor is in the output already (TensorStream::keep).
  void keep() { stream_->keep(); }
  const TensorStream::Place& current() const { return stream_->current(); }
  // Another text of the same length for a key that the metadata has.
  void replace_string(std::string_view key, std::string_view value);
  void finish();

  // As it was written at construction.
  const std::string& header() const noexcept { return header_; }
  // The file's size when it is finished.
  std::uint64_t file_size() const noexcept { return file_size_; }

 private:
  ByteOutput& out_;
  std::string header_;
  std::optional<TensorStream> stream_;
  std::uint64_t file_size_ = 0;
};

}  // namespace lathe
