// GGUF files for tests, right or wrong in any field, made independently of the library's
// own writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe::test {

template <typename T>
std::string le(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

inline std::string gguf_string(std::string_view text) {
  return le<std::uint64_t>(text.size()) + std::string(text);
}

struct GgufTestTensor {
  std::string name;
  std::vector<std::uint64_t> dims;  // innermost first
  std::uint32_t type = 0;           // ggml's number; 0 is F32
  std::string data;
  std::optional<std::uint64_t> offset;  // otherwise the next aligned place
  std::optional<std::uint32_t> n_dims;  // otherwise dims.size()
};

class GgufBuilder {
 public:
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;  // of the data; write the key with u32("general.alignment", ...)
  std::optional<std::uint64_t> tensor_count, key_count;  // what the header says instead

  // A value as bytes, after its type.
  GgufBuilder& raw(std::string_view key, std::uint32_t type, std::string_view value) {
    keys_ += gguf_string(key) + le(type) + std::string(value);
    ++n_keys_;
    return *this;
  }
  GgufBuilder& u32(std::string_view key, std::uint32_t v) { return raw(key, 4, le(v)); }
  GgufBuilder& u16(std::string_view key, std::uint16_t v) { return raw(key, 2, le(v)); }
  GgufBuilder& i32(std::string_view key, std::int32_t v) { return raw(key, 5, le(v)); }
  GgufBuilder& f32(std::string_view key, float v) { return raw(key, 6, le(v)); }
  GgufBuilder& boolean(std::string_view key, bool v) {
    return raw(key, 7, le<std::uint8_t>(v ? 1 : 0));
  }
  GgufBuilder& text(std::string_view key, std::string_view v) {
    return raw(key, 8, gguf_string(v));
  }
  GgufBuilder& u64(std::string_view key, std::uint64_t v) { return raw(key, 10, le(v)); }
  GgufBuilder& texts(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = le<std::uint32_t>(8) + le<std::uint64_t>(values.size());
    for (const auto& v : values) bytes += gguf_string(v);
    return raw(key, 9, bytes);
  }
  GgufBuilder& f32s(std::string_view key, const std::vector<float>& values) {
    std::string bytes = le<std::uint32_t>(6) + le<std::uint64_t>(values.size());
    for (const float v : values) bytes += le(v);
    return raw(key, 9, bytes);
  }
  GgufBuilder& i32s(std::string_view key, const std::vector<std::int32_t>& values) {
    std::string bytes = le<std::uint32_t>(5) + le<std::uint64_t>(values.size());
    for (const auto v : values) bytes += le(v);
    return raw(key, 9, bytes);
  }

  GgufBuilder& tensor(GgufTestTensor t) {
    tensors_.push_back(std::move(t));
    return *this;
  }
  // An F32 tensor of `rows` × `cols` that counts 0, 1, 2...
  GgufBuilder& f32_tensor(std::string_view name, std::uint64_t rows, std::uint64_t cols) {
    std::string data;
    for (std::uint64_t i = 0; i < rows * cols; ++i) data += le(static_cast<float>(i));
    return tensor({std::string(name), {cols, rows}, 0, data, {}, {}});
  }

  std::string build() const {
    std::string out = magic + le(version) + le(tensor_count.value_or(tensors_.size())) +
                      le(key_count.value_or(n_keys_)) + keys_;
    std::string data;
    for (const auto& t : tensors_) {
      while (data.size() % alignment != 0) data += '\0';
      out += gguf_string(t.name) + le(t.n_dims.value_or(static_cast<std::uint32_t>(t.dims.size())));
      for (const auto d : t.dims) out += le(d);
      out += le(t.type) + le(t.offset.value_or(data.size()));
      data += t.data;
    }
    if (!tensors_.empty()) {
      while (data.size() % alignment != 0) data += '\0';
      while (out.size() % alignment != 0) out += '\0';
    }
    return out + data;
  }

 private:
  std::string keys_;
  std::uint64_t n_keys_ = 0;
  std::vector<GgufTestTensor> tensors_;
};

}  // namespace lathe::test
