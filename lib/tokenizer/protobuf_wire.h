// Protocol Buffers' wire format, as much of it as sentencepiece's ModelProto needs.
//
// The reader checks every length and varint against the bytes that are there, so that what it
// hands on can be given to a library that trusts its input. Errors: kInvalid, with the file
// and the offset. Source: protobuf.dev, "Encoding".
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t varint = 0;  // kVarint, kFixed64 and kFixed32 (its bits)
  std::string_view bytes;    // kBytes

  float as_float() const noexcept {
    const auto bits = static_cast<std::uint32_t>(varint);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

// Reads the fields of one message, one after the other. Groups (deprecated, and a way to nest
// without end) are refused.
class WireReader {
 public:
  // `file` names the source in messages; `base` is where `bytes` begin in it.
  WireReader(std::string_view bytes, std::string_view file, std::size_t base = 0) noexcept
      : bytes_(bytes), file_(file), base_(base) {}

  // False at the end of the message.
  bool next(WireField& field);
  // Where the bytes of the field just read begin in the file.
  std::size_t bytes_offset() const noexcept { return base_ + bytes_at_; }
  std::size_t offset() const noexcept { return base_ + at_; }

 private:
  std::uint64_t varint();
  std::uint64_t fixed(std::size_t size);

  std::string_view bytes_;
  std::string_view file_;
  std::size_t base_;
  std::size_t at_ = 0;
  std::size_t bytes_at_ = 0;
};

class WireWriter {
 public:
  void put_varint(std::uint32_t number, std::uint64_t value);
  void put_bytes(std::uint32_t number, std::string_view value);
  void put_float(std::uint32_t number, float value);
  const std::string& bytes() const noexcept { return out_; }

 private:
  void key(std::uint32_t number, WireType type);
  void varint(std::uint64_t value);

  std::string out_;
};

}  // namespace lathe
