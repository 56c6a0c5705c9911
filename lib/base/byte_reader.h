// Reading little-endian fields from a span that came from a file.
//
// Every read is checked; a read past the end throws Error(kInvalid) that names the file,
// the field and the offset. Not thread-safe; cheap to copy.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

class ByteReader {
 public:
  // `file` is the name for messages; it must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view file) noexcept
      : bytes_(bytes), file_(file) {}

  std::size_t offset() const noexcept { return offset_; }
  std::size_t remaining() const noexcept { return bytes_.size() - offset_; }
  std::string_view file() const noexcept { return file_; }

  // One number; `field` is what the message calls it.
  template <typename T>
  requires std::is_arithmetic_v<T> T read(std::string_view field) {
    static_assert(std::endian::native == std::endian::little,
                  "the formats read here are little-endian");
    T value;
    std::memcpy(&value, take(sizeof(T), field).data(), sizeof(T));
    return value;
  }

  // `size` bytes in place.
  std::span<const std::byte> take(std::uint64_t size, std::string_view field) {
    if (size > remaining()) {
      fail_invalid("{}: the file ends inside {} (offset {}, {} bytes wanted, {} left)",
                   quoted(file_), field, offset_, size, remaining());
    }
    const auto out = bytes_.subspan(offset_, static_cast<std::size_t>(size));
    offset_ += static_cast<std::size_t>(size);
    return out;
  }

  std::string_view take_string(std::uint64_t size, std::string_view field) {
    const auto bytes = take(size, field);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::size_t offset_ = 0;
};

}  // namespace lathe
