#include "container/tensor_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

TensorStream::TensorStream(ByteOutput& out, std::vector<Place> places)
    : out_(out), places_(std::move(places)) {
  skip_empty();
}

void TensorStream::add_places(const TensorSpec& tensor, std::uint64_t offset, std::uint64_t bytes,
                              std::vector<Place>& places) {
  if (tensor.parts.empty()) {
    places.push_back({tensor.name, offset, bytes});
    return;
  }
  const std::uint64_t end = offset + bytes;
  for (const std::uint64_t part : tensor.parts) {
    places.push_back({tensor.name, offset, part});
    offset += part;
  }
  if (offset != end)
    fail(ErrorCode::kBug, "the parts of {} are not the whole", quoted(tensor.name));
}

void TensorStream::append(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (current_ == places_.size()) {
    fail(ErrorCode::kBug, "{} bytes were written after the last tensor", bytes.size());
  }
  const Place& place = places_[current_];
  if (bytes.size() > place.bytes - written_) {
    fail(ErrorCode::kBug, "tensor {} has {} bytes, more were written", quoted(place.name),
         place.bytes);
  }
  if (written_ == 0) pad_to(place.offset);
  out_.write(bytes);
  written_ += bytes.size();
  skip_empty();
}

const TensorStream::Place& TensorStream::current() const {
  if (current_ == places_.size()) fail(ErrorCode::kBug, "there is no further tensor");
  return places_[current_];
}

void TensorStream::keep() {
  const Place& place = current();
  if (written_ != 0) fail(ErrorCode::kBug, "tensor {} is half written", quoted(place.name));
  pad_to(place.offset);
  out_.keep(place.bytes);
  written_ = place.bytes;
  skip_empty();
}

void TensorStream::finish(std::uint64_t end) {
  if (current_ != places_.size()) {
    fail(ErrorCode::kBug, "tensor {} has {} bytes, {} were written", quoted(places_[current_].name),
         places_[current_].bytes, written_);
  }
  pad_to(end);
}

void TensorStream::pad_to(std::uint64_t offset) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (out_.size() < offset) {
    const std::uint64_t piece = std::min<std::uint64_t>(kZeros.size(), offset - out_.size());
    out_.write(std::span(kZeros).first(static_cast<std::size_t>(piece)));
  }
}

void TensorStream::skip_empty() {
  while (current_ < places_.size() && written_ == places_[current_].bytes) {
    ++current_;
    written_ = 0;
  }
}

}  // namespace lathe
