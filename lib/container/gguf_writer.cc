#include "container/gguf_writer.h"

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "container/ggml_types.h"

namespace lathe {
namespace {

constexpr std::string_view kThisFile = "the GGUF output";
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::size_t kMaxDims = 4;

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T> && std::endian::native == std::endian::little);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_string(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

void put_type(std::string& out, GgufType type) { put(out, static_cast<std::uint32_t>(type)); }

void put_bytes(std::string& out, std::span<const std::byte> bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void check_tensor(const TensorSpec& tensor) {
  check_name(tensor.name, "tensor name", kThisFile);
  if (tensor.name.size() > kGgmlMostNameBytes) {
    fail_unsupported("tensor {} cannot be written to GGUF: its name has more than {} bytes",
                     quoted(tensor.name), kGgmlMostNameBytes);
  }
  if (tensor.shape.size() > kMaxDims) {
    fail_unsupported("tensor {} cannot be written to GGUF: it has {} dimensions, more than {}",
                     quoted(tensor.name), tensor.shape.size(), kMaxDims);
  }
  if (!ggml_from_dtype(tensor.dtype)) {
    fail_unsupported("tensor {} cannot be written to GGUF: the format has no type {}",
                     quoted(tensor.name), dtype_info(tensor.dtype).name);
  }
}

}  // namespace

void GgufMetadata::begin(std::string_view key, GgufType type) {
  check_name(key, "key", kThisFile);
  if (!keys_.emplace(key).second) {
    fail_invalid("{}: the key {} is set twice", kThisFile, quoted(key));
  }
  put_string(bytes_, key);
  put_type(bytes_, type);
}

void GgufMetadata::begin_array(std::string_view key, GgufType element, std::size_t count) {
  begin(key, GgufType::kArray);
  put_type(bytes_, element);
  put<std::uint64_t>(bytes_, count);
}

void GgufMetadata::set_u32(std::string_view key, std::uint32_t value) {
  begin(key, GgufType::kU32);
  put(bytes_, value);
}

void GgufMetadata::set_i32(std::string_view key, std::int32_t value) {
  begin(key, GgufType::kI32);
  put(bytes_, value);
}

void GgufMetadata::set_u64(std::string_view key, std::uint64_t value) {
  begin(key, GgufType::kU64);
  put(bytes_, value);
}

void GgufMetadata::set_f32(std::string_view key, float value) {
  begin(key, GgufType::kF32);
  put(bytes_, value);
}

void GgufMetadata::set_bool(std::string_view key, bool value) {
  begin(key, GgufType::kBool);
  put<std::uint8_t>(bytes_, value ? 1 : 0);
}

void GgufMetadata::set_string(std::string_view key, std::string_view value) {
  begin(key, GgufType::kString);
  put_string(bytes_, value);
}

void GgufMetadata::set_strings(std::string_view key, std::span<const std::string> values) {
  begin_array(key, GgufType::kString, values.size());
  for (const std::string& value : values) put_string(bytes_, value);
}

void GgufMetadata::set_i32s(std::string_view key, std::span<const std::int32_t> values) {
  begin_array(key, GgufType::kI32, values.size());
  put_bytes(bytes_, std::as_bytes(values));
}

void GgufMetadata::set_f32s(std::string_view key, std::span<const float> values) {
  begin_array(key, GgufType::kF32, values.size());
  put_bytes(bytes_, std::as_bytes(values));
}

void GgufMetadata::copy(const GgufEntry& entry) {
  begin(entry.key, entry.value.type);
  if (entry.value.type == GgufType::kArray) {
    put_type(bytes_, entry.value.element);
    put(bytes_, entry.value.count);
  } else if (entry.value.type == GgufType::kString) {
    put<std::uint64_t>(bytes_, entry.value.data.size());
  }
  put_bytes(bytes_, entry.value.data);
}

bool GgufMetadata::contains(std::string_view key) const { return keys_.contains(std::string(key)); }

GgufWriter::GgufWriter(ByteOutput& out, const GgufMetadata& metadata,
                       std::vector<TensorSpec> tensors, std::uint64_t alignment)
    : out_(out) {
  if (!std::has_single_bit(alignment) || alignment < kGgufLeastAlignment ||
      alignment > kGgufMostAlignment) {
    fail(ErrorCode::kBug, "{} is no alignment for GGUF", alignment);
  }
  if (metadata.contains(kAlignmentKey)) {
    fail(ErrorCode::kBug, "{} is the writer's own key", kAlignmentKey);
  }
  if (out.size() != 0) fail(ErrorCode::kBug, "a GGUF header must begin its file");

  const bool with_alignment = alignment != kGgufDefaultAlignment;
  std::string header(kGgufMagic);
  put(header, kGgufVersion);
  put<std::uint64_t>(header, tensors.size());
  put<std::uint64_t>(header, metadata.keys_.size() + (with_alignment ? 1 : 0));
  header += metadata.bytes_;
  if (with_alignment) {
    put_string(header, kAlignmentKey);
    put_type(header, GgufType::kU32);
    put(header, static_cast<std::uint32_t>(alignment));
  }

  std::vector<TensorStream::Place> places;
  std::unordered_set<std::string_view> names;
  std::uint64_t offset = 0;
  for (TensorSpec& t : tensors) {
    check_tensor(t);
    if (!names.insert(t.name).second) {
      fail_invalid("{}: the tensor {} would be there twice", kThisFile, quoted(t.name));
    }
    const std::uint64_t bytes = tensor_bytes(t, kThisFile);
    if (bytes == 0) {
      fail_unsupported("tensor {} cannot be written to GGUF: it is empty", quoted(t.name));
    }
    put_string(header, t.name);
    if (t.shape.empty()) t.shape.push_back(1);  // a scalar: the format has no such thing
    put(header, static_cast<std::uint32_t>(t.shape.size()));
    for (std::size_t d = t.shape.size(); d-- > 0;) put(header, t.shape[d]);
    put(header, *ggml_from_dtype(t.dtype));
    put(header, offset);
    TensorStream::add_places(t, offset, bytes, places);
    const auto next = checked_add(offset, bytes);
    const auto aligned = next ? checked_align(*next, alignment) : std::nullopt;
    if (!aligned) fail_invalid("{}: would be larger than 64 bits can say", kThisFile);
    offset = *aligned;
  }
  const std::uint64_t data = *checked_align<std::uint64_t>(header.size(), alignment);
  for (auto& place : places) place.offset += data;
  file_size_ = tensors.empty() ? header.size() : data + offset;

  header_ = std::move(header);
  out.write(header_);
  stream_.emplace(out, std::move(places));
}

void GgufWriter::replace_string(std::string_view key, std::string_view value) {
  std::string entry;
  put_string(entry, key);
  put_type(entry, GgufType::kString);
  put<std::uint64_t>(entry, value.size());
  const std::size_t at = header_.find(entry);
  if (at == std::string::npos) fail(ErrorCode::kBug, "no text of that length at {}", quoted(key));
  out_.write_at(at + entry.size(), std::as_bytes(std::span(value)));
}

void GgufWriter::finish() { stream_->finish(file_size_); }

}  // namespace lathe
