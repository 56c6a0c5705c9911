#include "container/gguf_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "base/byte_reader.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "container/ggml_types.h"

namespace lathe {
namespace {

struct TypeInfo {
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<TypeInfo, 13> kTypes = {{{"u8", 1},
                                              {"i8", 1},
                                              {"u16", 2},
                                              {"i16", 2},
                                              {"u32", 4},
                                              {"i32", 4},
                                              {"f32", 4},
                                              {"bool", 1},
                                              {"string", 0},
                                              {"array", 0},
                                              {"u64", 8},
                                              {"i64", 8},
                                              {"f64", 8}}};

// The least bytes that an entry can take: what a count is compared with.
constexpr std::uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;             // length, "k", type, u8
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // one dimension
constexpr std::uint32_t kMaxDims = 4;                             // GGML_MAX_DIMS

class HeaderParser {
 public:
  HeaderParser(std::span<const std::byte> bytes, const std::string& file)
      : bytes_(bytes), file_(file), in_(bytes, file) {}

  GgufHeader parse() {
    read_version();
    const auto tensors = in_.read<std::uint64_t>("the tensor count");
    const auto keys = in_.read<std::uint64_t>("the key count");
    check_count(keys, kMinKeyBytes, "keys");
    check_count(tensors, kMinTensorBytes, "tensors");
    read_metadata(keys);
    find_alignment();
    read_tensors(tensors);
    place_data();
    return std::move(out_);
  }

 private:
  void read_version() {
    if (bytes_.empty()) fail_invalid("{}: the file is empty", quoted(file_));
    const std::size_t shown = std::min(bytes_.size(), kGgufMagic.size());
    if (std::memcmp(bytes_.data(), kGgufMagic.data(), shown) != 0) {
      fail_invalid("{}: is not a GGUF file (it does not begin with \"GGUF\")", quoted(file_));
    }
    in_.take(kGgufMagic.size(), "the magic number");
    out_.version = in_.read<std::uint32_t>("the version");
    if (out_.version != 0 && (out_.version & 0xffffu) == 0) {
      fail_unsupported("{}: is a big-endian GGUF file; only little-endian ones are supported",
                       quoted(file_));
    }
    if (out_.version == 1) {
      fail_unsupported(
          "{}: is GGUF version 1; versions 2 and 3 are supported, convert the model "
          "again from its source",
          quoted(file_));
    }
    if (out_.version != 2 && out_.version != 3) {
      fail_invalid("{}: has GGUF version {}; versions 2 and 3 are supported", quoted(file_),
                   out_.version);
    }
  }

  // A count that the rest of the file cannot hold is refused before anything is allocated.
  void check_count(std::uint64_t count, std::uint64_t least_bytes, std::string_view what) {
    if (count > in_.remaining() / least_bytes) {
      fail_invalid("{}: the header announces {} {}, more than the file's {} bytes can hold",
                   quoted(file_), count, what, bytes_.size());
    }
  }

  std::string_view read_string(std::string_view field) {
    const auto size = in_.read<std::uint64_t>(field);
    return in_.take_string(size, field);
  }

  GgufType read_type(std::string_view key) {
    const std::size_t at = in_.offset();
    const auto type = in_.read<std::uint32_t>("a value's type");
    if (type >= kTypes.size()) {
      fail_invalid("{}: key {} has the unknown value type {} (offset {})", quoted(file_),
                   quoted(key), type, at);
    }
    return static_cast<GgufType>(type);
  }

  void check_bools(std::span<const std::byte> bytes, std::string_view key) {
    for (const std::byte b : bytes) {
      if (b > std::byte{1}) {
        fail_invalid("{}: key {} holds a bool that is {}, neither 0 nor 1", quoted(file_),
                     quoted(key), static_cast<unsigned>(b));
      }
    }
  }

  void read_array(std::string_view key, GgufValue& value) {
    value.element = read_type(key);
    if (value.element == GgufType::kArray) {
      fail_unsupported("{}: key {} is an array of arrays, which is not supported", quoted(file_),
                       quoted(key));
    }
    value.count = in_.read<std::uint64_t>("an array's count");
    const std::size_t fixed = gguf_type_bytes(value.element);
    const std::size_t least = fixed == 0 ? sizeof(std::uint64_t) : fixed;
    if (value.count > in_.remaining() / least) {
      fail_invalid("{}: key {} announces {} elements, more than the file can hold (offset {})",
                   quoted(file_), quoted(key), value.count, in_.offset());
    }
    const std::size_t begin = in_.offset();
    if (fixed != 0) {
      in_.take(value.count * fixed, "an array");
    } else {
      for (std::uint64_t i = 0; i < value.count; ++i) read_string("a string of an array");
    }
    value.data = bytes_.subspan(begin, in_.offset() - begin);
    if (value.element == GgufType::kBool) check_bools(value.data, key);
  }

  GgufValue read_value(std::string_view key) {
    GgufValue value;
    value.type = read_type(key);
    if (value.type == GgufType::kArray) {
      read_array(key, value);
    } else if (value.type == GgufType::kString) {
      value.data = std::as_bytes(std::span(read_string("a string value")));
    } else {
      value.data = in_.take(gguf_type_bytes(value.type), "a value");
      if (value.type == GgufType::kBool) check_bools(value.data, key);
    }
    return value;
  }

  void read_metadata(std::uint64_t count) {
    std::unordered_set<std::string_view> seen;  // views of the file
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string_view key = read_string("a key");
      check_name(key, "key", file_);
      if (!seen.insert(key).second) {
        fail_invalid("{}: the key {} occurs twice", quoted(file_), quoted(key));
      }
      const GgufValue value = read_value(key);
      out_.metadata.push_back({std::string(key), value});
    }
  }

  void find_alignment() {
    constexpr std::string_view kKey = "general.alignment";
    const auto entry =
        std::ranges::find_if(out_.metadata, [&](const GgufEntry& e) { return e.key == kKey; });
    if (entry == out_.metadata.end()) return;
    if (entry->value.type != GgufType::kU32) {
      fail_invalid("{}: {} is {}, not u32", quoted(file_), kKey, gguf_type_name(entry->value.type));
    }
    std::uint32_t alignment = 0;
    std::memcpy(&alignment, entry->value.data.data(), sizeof alignment);
    if (!std::has_single_bit(alignment) || alignment < kGgufLeastAlignment ||
        alignment > kGgufMostAlignment) {
      fail_invalid("{}: {} is {}, not a power of two from {} to {}", quoted(file_), kKey, alignment,
                   kGgufLeastAlignment, kGgufMostAlignment);
    }
    out_.alignment = alignment;
  }

  void read_tensors(std::uint64_t count) {
    std::unordered_set<std::string_view> seen;  // views of the file
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string_view name = read_string("a tensor's name");
      check_name(name, "tensor name", file_);
      if (!seen.insert(name).second) {
        fail_invalid("{}: the tensor {} occurs twice", quoted(file_), quoted(name));
      }
      out_.tensors.push_back(read_tensor(name));
    }
  }

  TensorEntry read_tensor(std::string_view name) {
    TensorEntry tensor;
    tensor.name = name;
    const auto dims = in_.read<std::uint32_t>("a tensor's number of dimensions");
    if (dims == 0 || dims > kMaxDims) {
      fail_invalid("{}: tensor {} has {} dimensions; 1 to {} are possible", quoted(file_),
                   quoted(name), dims, kMaxDims);
    }
    tensor.shape.resize(dims);
    for (std::uint32_t d = 0; d < dims; ++d) {
      const auto size = in_.read<std::uint64_t>("a tensor's dimension");
      const auto dim = checked_cast<std::int64_t>(size);
      if (size == 0 || !dim) {
        fail_invalid("{}: tensor {} has the dimension {}", quoted(file_), quoted(name), size);
      }
      tensor.shape[dims - 1 - d] = *dim;
    }
    tensor.dtype = dtype_from_ggml(in_.read<std::uint32_t>("a tensor's type"), file_, name);
    tensor.offset = in_.read<std::uint64_t>("a tensor's offset");
    if (tensor.offset % out_.alignment != 0) {
      fail_invalid("{}: tensor {} is at offset {}, which is no multiple of the alignment {}",
                   quoted(file_), quoted(name), tensor.offset, out_.alignment);
    }
    tensor.bytes = tensor_bytes(tensor, file_);
    return tensor;
  }

  // Offsets become the file's own; the tensors must tile the data, each followed by no more
  // than the padding that alignment asks for.
  void place_data() {
    if (out_.tensors.empty()) {
      out_.data_offset = in_.offset();
      check_end(in_.offset());
      return;
    }
    const auto data = checked_align<std::uint64_t>(in_.offset(), out_.alignment);
    if (!data || *data > bytes_.size()) {
      fail_invalid("{}: the file ends before the tensor data (offset {})", quoted(file_),
                   in_.offset());
    }
    out_.data_offset = *data;
    const std::uint64_t data_bytes = bytes_.size() - *data;

    std::vector<TensorEntry*> order;
    order.reserve(out_.tensors.size());
    for (TensorEntry& t : out_.tensors) order.push_back(&t);
    std::ranges::sort(order, {}, [](const TensorEntry* t) { return t->offset; });

    std::uint64_t expected = 0;  // a multiple of the alignment
    std::uint64_t end = 0;
    for (TensorEntry* t : order) {
      if (t->offset > data_bytes || t->bytes > data_bytes - t->offset) {
        fail_invalid(
            "{}: tensor {} ({} bytes at offset {} of the data) reaches past the end of "
            "the file, whose data has {} bytes; is the download complete?",
            quoted(file_), quoted(t->name), t->bytes, t->offset, data_bytes);
      }
      if (t->offset < expected) {
        fail_invalid("{}: tensor {} at offset {} overlaps the tensor before it, which ends at {}",
                     quoted(file_), quoted(t->name), t->offset, end);
      }
      if (t->offset > expected) {
        fail_invalid("{}: {} unused bytes precede tensor {} at offset {} of the data",
                     quoted(file_), t->offset - expected, quoted(t->name), t->offset);
      }
      end = t->offset + t->bytes;
      expected = checked_align(end, out_.alignment).value_or(data_bytes);
      t->offset += *data;
    }
    check_end(*data + end);
  }

  // What follows the last byte of use may only be padding.
  void check_end(std::uint64_t end) {
    const auto padded = checked_align(end, out_.alignment);
    if (padded && bytes_.size() > *padded) {
      fail_invalid("{}: {} bytes follow the end of the {} (offset {})", quoted(file_),
                   bytes_.size() - end, out_.tensors.empty() ? "header" : "last tensor", end);
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& file_;
  ByteReader in_;
  GgufHeader out_;
};

}  // namespace

std::string_view gguf_type_name(GgufType type) noexcept {
  return kTypes[static_cast<std::size_t>(type)].name;
}

std::size_t gguf_type_bytes(GgufType type) noexcept {
  return kTypes[static_cast<std::size_t>(type)].bytes;
}

GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file) {
  return HeaderParser(bytes, file).parse();
}

}  // namespace lathe
