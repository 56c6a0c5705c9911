#include "container/safetensors_header.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/byte_reader.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

struct TypeName {
  std::string_view name;
  DType dtype;
};

constexpr std::array<TypeName, 10> kTypes = {{{"F32", DType::kF32},
                                              {"F16", DType::kF16},
                                              {"BF16", DType::kBF16},
                                              {"F64", DType::kF64},
                                              {"I8", DType::kI8},
                                              {"U8", DType::kU8},
                                              {"I16", DType::kI16},
                                              {"I32", DType::kI32},
                                              {"I64", DType::kI64},
                                              {"BOOL", DType::kBool}}};

// Parts of quantized matrices: nobody computes with these types, whose bytes are given as
// another's.
struct BytesType {
  std::string_view name;
  DType as;
  std::int64_t elements = 1;  // in one of those
};
constexpr std::array<BytesType, 6> kBytesTypes = {{{"F8_E4M3", DType::kU8},
                                                   {"F8_E5M2", DType::kU8},
                                                   {"F8_E8M0", DType::kU8},
                                                   {"F4", DType::kU8, 2},
                                                   {"U32", DType::kI32},
                                                   {"U64", DType::kI64}}};

// Types of the format that are not read here.
constexpr std::array<std::string_view, 7> kKnownTypes = {
    "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "U16", "C64", "C128"};

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::size_t kMaxDims = 32;

// Builds the list of tensors while the JSON is read.
class HeaderEvents : public JsonEvents {
 public:
  HeaderEvents(const std::string& file, SafetensorsHeader& out) : file_(file), out_(out) {}

  void null() override { unexpected("null"); }
  void boolean(bool) override { unexpected("a bool"); }
  void integer(std::int64_t value) override {
    // The parser calls this for negative numbers only.
    if (value < 0) unexpected("a negative number");
    unsigned_integer(static_cast<std::uint64_t>(value));
  }
  void number(double) override { unexpected("a number that is no integer of 64 bits"); }

  void unsigned_integer(std::uint64_t value) override {
    if (place_ == Place::kShape) {
      const auto dim = checked_cast<std::int64_t>(value);
      if (!dim) unexpected("a dimension that does not fit 63 bits");
      if (tensor_.shape.size() == kMaxDims) unexpected("more than 32 dimensions");
      tensor_.shape.push_back(*dim);
    } else if (place_ == Place::kOffsets) {
      if (offsets_ == 2) unexpected("more than two offsets");
      (offsets_++ == 0 ? begin_ : end_) = value;
    } else {
      unexpected("a number");
    }
  }

  void string(std::string& value) override {
    if (place_ == Place::kMetadata) {
      const auto [at, fresh] = out_.metadata.emplace(std::move(key_), std::move(value));
      if (!fresh) twice("the metadata key", at->first);
    } else if (place_ == Place::kTensor && field_ == Field::kType) {
      set_type(value);
    } else {
      unexpected("a string");
    }
  }

  void begin_object() override {
    switch (place_) {
      case Place::kOutside:
        place_ = Place::kTop;
        return;
      case Place::kTop:
        if (key_ == kMetadata) {
          place_ = Place::kMetadata;
        } else {
          place_ = Place::kTensor;
          tensor_ = {};
          tensor_.name = std::move(key_);
          elements_ = 1;
          type_ = {};
          seen_ = 0;
        }
        return;
      default:
        unexpected("an object");
    }
  }

  void key(std::string& value) override {
    if (place_ == Place::kTop) {
      if (value == kMetadata) {
        if (std::exchange(has_metadata_, true)) twice("the key", value);
      } else {
        check_name(value, "tensor name", file_);
        if (!names_.insert(value).second) twice("the tensor", value);
      }
      key_ = std::move(value);
    } else if (place_ == Place::kMetadata) {
      key_ = std::move(value);
    } else {
      field_ = value == "dtype"          ? Field::kType
               : value == "shape"        ? Field::kShape
               : value == "data_offsets" ? Field::kOffsets
                                         : Field::kNone;
      if (field_ == Field::kNone) {
        fail_unsupported("{}: tensor {} has the field {}, which is not supported (byte {})",
                         quoted(file_), quoted(tensor_.name), quoted(value), offset());
      }
      const unsigned bit = 1u << static_cast<unsigned>(field_);
      if ((seen_ & bit) != 0) twice("a tensor's field", value);
      seen_ |= bit;
    }
  }

  void end_object() override {
    if (place_ == Place::kTensor) {
      finish_tensor();
      place_ = Place::kTop;
    } else if (place_ == Place::kMetadata) {
      place_ = Place::kTop;
    } else {
      place_ = Place::kOutside;
    }
  }

  void begin_array() override {
    if (place_ == Place::kTensor && field_ == Field::kShape) {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && field_ == Field::kOffsets) {
      place_ = Place::kOffsets;
      offsets_ = 0;
    } else {
      unexpected("an array");
    }
  }

  void end_array() override {
    if (place_ == Place::kOffsets && offsets_ != 2) unexpected("fewer than two offsets");
    place_ = Place::kTensor;
  }

 private:
  enum class Place { kOutside, kTop, kMetadata, kTensor, kShape, kOffsets };
  enum class Field { kType, kShape, kOffsets, kNone };

  [[noreturn]] void unexpected(std::string_view what) const {
    const bool in_tensor =
        place_ == Place::kTensor || place_ == Place::kShape || place_ == Place::kOffsets;
    const std::string where = in_tensor ? fmt::format("tensor {}", quoted(tensor_.name))
                              : place_ == Place::kMetadata
                                  ? fmt::format("metadata key {}", quoted(key_))
                                  : std::string("the header");
    fail_invalid("{}: {} holds {} where it cannot stand (byte {})", quoted(file_), where, what,
                 offset());
  }

  [[noreturn]] void twice(std::string_view what, std::string_view name) const {
    fail_invalid("{}: {} {} occurs twice (byte {})", quoted(file_), what, quoted(name), offset());
  }

  void set_type(std::string_view name) {
    const auto type = std::ranges::find(kTypes, name, &TypeName::name);
    if (type != kTypes.end()) {
      tensor_.dtype = type->dtype;
      return;
    }
    const auto bytes = std::ranges::find(kBytesTypes, name, &BytesType::name);
    if (bytes != kBytesTypes.end()) {
      tensor_.dtype = bytes->as;
      type_ = bytes->name;
      elements_ = bytes->elements;
      return;
    }
    if (std::ranges::find(kKnownTypes, name) != kKnownTypes.end()) {
      fail_unsupported("{}: tensor {} has type {}, which is not supported", quoted(file_),
                       quoted(tensor_.name), name);
    }
    fail_invalid("{}: tensor {} has the unknown type {}", quoted(file_), quoted(tensor_.name),
                 quoted(name));
  }

  void finish_tensor() {
    if (seen_ != 7) {
      fail_invalid("{}: tensor {} lacks dtype, shape or data_offsets", quoted(file_),
                   quoted(tensor_.name));
    }
    share_elements();
    tensor_.bytes = tensor_bytes(tensor_, file_);
    if (begin_ > end_ || end_ - begin_ != tensor_.bytes) {
      fail_invalid(
          "{}: tensor {} has data_offsets [{}, {}], but its shape and type ask for {} "
          "bytes",
          quoted(file_), quoted(tensor_.name), begin_, end_, tensor_.bytes);
    }
    tensor_.offset = begin_;
    if (!type_.empty()) out_.bytes_types.emplace(tensor_.name, type_);
    out_.tensors.push_back(std::move(tensor_));
  }

  // The shape of the bytes, where several elements are in one.
  void share_elements() {
    if (elements_ == 1) return;
    if (tensor_.shape.empty() || tensor_.shape.back() % elements_ != 0) {
      fail_invalid("{}: tensor {} has rows of {} elements that are no whole bytes", quoted(file_),
                   quoted(tensor_.name), type_);
    }
    tensor_.shape.back() /= elements_;
  }

  const std::string& file_;
  SafetensorsHeader& out_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::kOutside;
  Field field_ = Field::kNone;
  std::string key_;
  bool has_metadata_ = false;
  TensorEntry tensor_;
  std::string_view type_;      // of bytes that stand for another
  std::int64_t elements_ = 1;  // in each of the bytes' type
  unsigned seen_ = 0;          // fields of tensor_, one bit each
  int offsets_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

// Offsets become the file's own; the tensors must tile the data exactly.
void place_data(SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& file) {
  std::ranges::stable_sort(header.tensors, [](const TensorEntry& a, const TensorEntry& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  std::uint64_t end = 0;
  for (TensorEntry& t : header.tensors) {
    if (t.bytes > data_bytes || t.offset > data_bytes - t.bytes) {
      fail_invalid(
          "{}: tensor {} ([{}, {}] of the data) reaches past the end of the file, whose "
          "data has {} bytes; is the download complete?",
          quoted(file), quoted(t.name), t.offset, t.offset + t.bytes, data_bytes);
    }
    if (t.offset < end) {
      fail_invalid(
          "{}: tensor {} at offset {} of the data overlaps the tensor before it, which "
          "ends at {}",
          quoted(file), quoted(t.name), t.offset, end);
    }
    if (t.offset > end) {
      fail_invalid("{}: there is a hole of {} bytes before tensor {} at offset {} of the data",
                   quoted(file), t.offset - end, quoted(t.name), t.offset);
    }
    end = t.offset + t.bytes;
    t.offset += header.data_offset;
  }
  if (end != data_bytes) {
    fail_invalid("{}: {} bytes follow the last tensor (offset {} of the data)", quoted(file),
                 data_bytes - end, end);
  }
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.empty()) fail_invalid("{}: the file is empty", quoted(file));
  ByteReader in(bytes, file);
  const auto size = in.read<std::uint64_t>("the header's length");
  if (size > kSafetensorsMostHeader) {
    fail_invalid(
        "{}: is not a safetensors file (its header would have {} bytes; at most {} are "
        "possible)",
        quoted(file), size, kSafetensorsMostHeader);
  }
  if (size > in.remaining()) {
    fail_invalid("{}: the header announces {} bytes, but only {} follow; is the download complete?",
                 quoted(file), size, in.remaining());
  }
  const std::string_view text = in.take_string(size, "the header");
  if (text.empty() || text.front() != '{') {
    fail_invalid("{}: is not a safetensors file (its header does not begin with '{{')",
                 quoted(file));
  }
  SafetensorsHeader header;
  header.data_offset = in.offset();
  HeaderEvents events(file, header);
  JsonLimits limits;
  limits.max_depth = 8;
  parse_json_events(text, file, events, limits);
  place_data(header, in.remaining(), file);
  return header;
}

std::optional<std::string_view> safetensors_type_name(DType dtype) noexcept {
  const auto type = std::ranges::find(kTypes, dtype, &TypeName::dtype);
  return type == kTypes.end() ? std::nullopt : std::optional(type->name);
}

}  // namespace lathe
