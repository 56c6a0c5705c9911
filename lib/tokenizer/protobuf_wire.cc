#include "tokenizer/protobuf_wire.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::uint64_t WireReader::varint() {
  const std::size_t start = at_;
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at_ >= bytes_.size()) {
      fail_invalid("{}: the file ends inside a varint (offset {})", quoted(file_), base_ + start);
    }
    const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
    if (shift == 63 && byte > 1) break;  // more than 64 bits
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail_invalid("{}: a varint is longer than 64 bits (offset {})", quoted(file_), base_ + start);
}

std::uint64_t WireReader::fixed(std::size_t size) {
  if (bytes_.size() - at_ < size) {
    fail_invalid("{}: the file ends inside a number (offset {})", quoted(file_), base_ + at_);
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes_[at_ + i])} << (8 * i);
  }
  at_ += size;
  return value;
}

bool WireReader::next(WireField& field) {
  if (at_ == bytes_.size()) return false;
  const std::size_t start = at_;
  const std::uint64_t key = varint();
  const std::uint64_t number = key >> 3;
  if (number == 0 || number > 0x1fffffff) {
    fail_invalid("{}: field number {} is out of range (offset {})", quoted(file_), number,
                 base_ + start);
  }
  field = {};
  field.number = static_cast<std::uint32_t>(number);
  switch (key & 7) {
    case 0:
      field.type = WireType::kVarint;
      field.varint = varint();
      return true;
    case 1:
      field.type = WireType::kFixed64;
      field.varint = fixed(8);
      return true;
    case 2: {
      field.type = WireType::kBytes;
      const std::uint64_t size = varint();
      if (size > bytes_.size() - at_) {
        fail_invalid("{}: field {} has {} bytes, {} are left (offset {})", quoted(file_), number,
                     size, bytes_.size() - at_, base_ + start);
      }
      bytes_at_ = at_;
      field.bytes = bytes_.substr(at_, static_cast<std::size_t>(size));
      at_ += static_cast<std::size_t>(size);
      return true;
    }
    case 5:
      field.type = WireType::kFixed32;
      field.varint = fixed(4);
      return true;
    case 3:
    case 4:
      fail_invalid("{}: field {} is a group, which no sentencepiece model has (offset {})",
                   quoted(file_), number, base_ + start);
    default:
      fail_invalid("{}: field {} has the unknown wire type {} (offset {})", quoted(file_), number,
                   key & 7, base_ + start);
  }
}

void WireWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<char>(value));
}

void WireWriter::key(std::uint32_t number, WireType type) {
  varint((std::uint64_t{number} << 3) | static_cast<std::uint64_t>(type));
}

void WireWriter::put_varint(std::uint32_t number, std::uint64_t value) {
  key(number, WireType::kVarint);
  varint(value);
}

void WireWriter::put_bytes(std::uint32_t number, std::string_view value) {
  key(number, WireType::kBytes);
  varint(value.size());
  out_ += value;
}

void WireWriter::put_float(std::uint32_t number, float value) {
  key(number, WireType::kFixed32);
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (int i = 0; i < 4; ++i) out_.push_back(static_cast<char>((bits >> (8 * i)) & 0xff));
}

}  // namespace lathe
