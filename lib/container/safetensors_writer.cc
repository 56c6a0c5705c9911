#include "container/safetensors_writer.h"

#include <bit>
#include <fmt/ranges.h>
#include <unordered_set>
#include <utility>

#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "base/utf8.h"
#include "container/safetensors_header.h"
#include "container/safetensors_padding.h"

namespace lathe {
namespace {

constexpr std::string_view kThisFile = "the safetensors output";

std::string tensor_member(const TensorSpec& tensor, std::uint64_t begin, std::uint64_t end) {
  const auto type = safetensors_type_name(tensor.dtype);
  if (!type) {
    fail_unsupported("tensor {} cannot be written to safetensors: the format has no type {}",
                     quoted(tensor.name), dtype_info(tensor.dtype).name);
  }
  return fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                     json_quote(tensor.name), *type, fmt::join(tensor.shape, ","), begin, end);
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(ByteOutput& out, std::span<const TensorSpec> tensors,
                                     const std::map<std::string, std::string>& metadata,
                                     const SafetensorsOptions& options)
    : out_(out), options_(options) {
  if (out.size() != 0) fail(ErrorCode::kBug, "a safetensors header must begin its file");
  if (!std::has_single_bit(options.data_alignment) ||
      !std::has_single_bit(options.tensor_alignment) || options.tensor_alignment > 64 ||
      options.tensor_alignment > options.data_alignment) {
    fail(ErrorCode::kBug, "{} and {} are no alignments for safetensors", options.data_alignment,
         options.tensor_alignment);
  }
  std::unordered_set<std::string> names;
  std::vector<TensorStream::Place> places;
  std::uint64_t offset = 0;
  const auto add = [&](const TensorSpec& t) {
    check_name(t.name, "tensor name", kThisFile);
    if (t.name == "__metadata__" || !names.insert(t.name).second) {
      fail_invalid("{}: the tensor {} would be there twice", kThisFile, quoted(t.name));
    }
    const std::uint64_t bytes = tensor_bytes(t, kThisFile);
    const auto end = checked_add(offset, bytes);
    if (!end) fail_invalid("{}: would be larger than 64 bits can say", kThisFile);
    if (!tensor_json_.empty()) tensor_json_ += ',';
    tensor_json_ += tensor_member(t, offset, *end);
    TensorStream::add_places(t, offset, bytes, places);
    offset = *end;
  };

  std::size_t pads = 0;
  std::vector<TensorStream::Place> own;  // without padding: TensorStream writes the zeros
  for (const TensorSpec& t : tensors) {
    if (is_padding_tensor(t)) {
      fail_invalid("{}: the tensor name {} is reserved", kThisFile, quoted(t.name));
    }
    const std::uint64_t rest = offset % options.tensor_alignment;
    if (rest != 0) {
      TensorSpec pad;
      pad.name = padding_tensor_name(pads++);
      pad.dtype = DType::kU8;
      pad.shape = {static_cast<std::int64_t>(options.tensor_alignment - rest)};
      add(pad);
    }
    const auto before = static_cast<std::ptrdiff_t>(places.size());
    add(t);
    own.insert(own.end(), places.begin() + before, places.end());
  }

  written_header_ = header(metadata, 0);
  data_offset_ = written_header_.size();
  const auto size = checked_add(data_offset_, offset);
  if (!size) fail_invalid("{}: would be larger than 64 bits can say", kThisFile);
  file_size_ = *size;
  for (auto& place : own) {
    place.offset += data_offset_;
    offsets_.push_back(place.offset);
  }
  out_.write(written_header_);
  stream_.emplace(out_, std::move(own));
}

std::string SafetensorsWriter::header(const std::map<std::string, std::string>& metadata,
                                      std::uint64_t size) const {
  std::string text(8, '\0');
  text += '{';
  if (!metadata.empty()) {
    text += R"("__metadata__":{)";
    bool first = true;
    for (const auto& [key, value] : metadata) {
      if (!is_valid_utf8(key) || !is_valid_utf8(value)) {
        fail_invalid("{}: the metadata {} is not valid UTF-8", kThisFile, quoted(key));
      }
      if (!std::exchange(first, false)) text += ',';
      text += json_quote(key) + ':' + json_quote(value);
    }
    text += '}';
    if (!tensor_json_.empty()) text += ',';
  }
  text += tensor_json_;
  text += '}';
  if (size == 0) size = *checked_align<std::uint64_t>(text.size(), options_.data_alignment);
  if (text.size() > size) {
    fail(ErrorCode::kBug, "the final safetensors header has {} bytes, more than the {} kept for it",
         text.size(), size);
  }
  if (size - 8 > kSafetensorsMostHeader) {
    fail(ErrorCode::kLimit, "{}: the header would have {} bytes, more than the format's {}",
         kThisFile, size - 8, kSafetensorsMostHeader);
  }
  text.resize(static_cast<std::size_t>(size), ' ');
  const std::uint64_t length = size - 8;
  for (std::size_t i = 0; i < 8; ++i) text[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  return text;
}

void SafetensorsWriter::finish() { stream_->finish(file_size_); }

void SafetensorsWriter::finish(const std::map<std::string, std::string>& metadata) {
  finish();
  const std::string final_header = header(metadata, data_offset_);
  if (final_header != written_header_) {
    out_.write_at(0, std::as_bytes(std::span(final_header)));
  }
}

}  // namespace lathe
