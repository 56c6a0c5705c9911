// Fields of messages as bytes: numbers little-endian as they are in memory, texts and lists with
// their lengths in front. One list of fields serves both ways, so writers and readers agree.
//
// FieldReader throws kInvalid for bytes that end too soon, for lengths that can't be, and for
// numbers out of their range; it allocates no more than it has bytes for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/byte_reader.h"
#include "base/fail.h"

namespace lathe {

class FieldWriter {
 public:
  static constexpr bool kReads = false;

  // Writes behind `head`.
  explicit FieldWriter(std::string head = {}) : bytes_(std::move(head)) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  template <typename Enum>
  void choice(Enum value, Enum) {
    put(static_cast<std::uint8_t>(value));
  }
  // Of who reads: what they lie in, which is new.
  void bytes(std::span<const std::byte> bytes, const std::shared_ptr<const void>&) {
    put(std::uint64_t{bytes.size()});
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <typename T>
  requires std::is_arithmetic_v<T>
  void put(T value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(const std::string& text) {
    put(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(std::uint64_t{list.size()});
    for (const T& one : list) put(one);
  }
  template <typename T>
  requires requires(FieldWriter& a, const T& value) { fields(a, value); }
  void put(const T& value) { fields(*this, value); }

  std::string bytes_;
};

class FieldReader {
 public:
  static constexpr bool kReads = true;

  explicit FieldReader(std::string_view bytes)
      : bytes_(std::as_bytes(std::span(bytes.data(), bytes.size())), "a message") {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  template <typename Enum>
  void choice(Enum& value, Enum last) {
    const auto number = bytes_.read<std::uint8_t>("a choice");
    if (number > static_cast<std::uint8_t>(last))
      fail_invalid("a message has no choice {}", number);
    value = static_cast<Enum>(number);
  }
  void bytes(std::span<const std::byte>& bytes, std::shared_ptr<const void>& owner) {
    auto text = std::make_shared<std::string>();
    get(*text);
    bytes = std::as_bytes(std::span(text->data(), text->size()));
    owner = std::move(text);
  }
  // Nothing may follow.
  void end() const {
    if (bytes_.remaining() > 0) fail_invalid("a message has {} bytes too many", bytes_.remaining());
  }

 private:
  void get(bool& value) {
    const auto number = bytes_.read<std::uint8_t>("a flag");
    if (number > 1) fail_invalid("a message has a flag of {}", number);
    value = number == 1;
  }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void get(T& value) { value = bytes_.read<T>("a number"); }
  void get(std::string& text) {
    const auto size = bytes_.read<std::uint64_t>("a length");
    text = bytes_.take_string(size, "a text");
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    value.reset();
    if (there) get(value.emplace());
  }
  template <typename T>
  void get(std::vector<T>& list) {
    const auto size = bytes_.read<std::uint64_t>("a length");
    if (size > bytes_.remaining()) fail_invalid("a message's list is longer than the message");
    list.clear();
    for (std::uint64_t i = 0; i < size; ++i) get(list.emplace_back());
  }
  template <typename T>
  requires requires(FieldReader& a, T& value) { fields(a, value); }
  void get(T& value) { fields(*this, value); }

  ByteReader bytes_;
};

}  // namespace lathe
