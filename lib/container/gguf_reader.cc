#include "container/gguf_reader.h"

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "io/folder_file.h"

namespace lathe {
namespace {

constexpr std::string_view kSplitNo = "split.no";
constexpr std::string_view kSplitCount = "split.count";
constexpr std::string_view kSplitTensors = "split.tensors.count";
constexpr std::int64_t kMaxSplits = 99999;  // five digits in the names

bool is_integer(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kU16:
    case GgufType::kI16:
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kU64:
    case GgufType::kI64:
      return true;
    default:
      return false;
  }
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Nothing when an u64 does not fit.
std::optional<std::int64_t> load_integer(GgufType type, const std::byte* from) {
  switch (type) {
    case GgufType::kU8:
      return load<std::uint8_t>(from);
    case GgufType::kI8:
      return load<std::int8_t>(from);
    case GgufType::kU16:
      return load<std::uint16_t>(from);
    case GgufType::kI16:
      return load<std::int16_t>(from);
    case GgufType::kU32:
      return load<std::uint32_t>(from);
    case GgufType::kI32:
      return load<std::int32_t>(from);
    case GgufType::kU64:
      return checked_cast<std::int64_t>(load<std::uint64_t>(from));
    default:
      return load<std::int64_t>(from);
  }
}

std::string describe(const GgufValue& value) {
  if (value.type != GgufType::kArray) return std::string(gguf_type_name(value.type));
  return fmt::format("an array of {}", gguf_type_name(value.element));
}

const GgufValue* find_in(std::span<const GgufEntry> metadata, std::string_view key) {
  const auto at = std::ranges::find_if(metadata, [&](const GgufEntry& e) { return e.key == key; });
  return at == metadata.end() ? nullptr : &at->value;
}

// An integer of a split's own header.
std::optional<std::int64_t> split_integer(const GgufHeader& header, std::string_view key,
                                          const std::string& file) {
  const GgufValue* value = find_in(header.metadata, key);
  if (value == nullptr) return std::nullopt;
  const auto number =
      is_integer(value->type) ? load_integer(value->type, value->data.data()) : std::nullopt;
  if (!number || *number < 0) {
    fail_invalid("{}: {} is no count ({})", quoted(file), key, describe(*value));
  }
  return number;
}

std::string split_suffix(std::int64_t no, std::int64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", no + 1, count);
}

}  // namespace

bool GgufReader::looks_like(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= kGgufMagic.size() &&
         std::memcmp(bytes.data(), kGgufMagic.data(), kGgufMagic.size()) == 0;
}

std::shared_ptr<const GgufReader> GgufReader::open(const std::string& path) {
  return open(MappedFile::open(path));
}

std::shared_ptr<const GgufReader> GgufReader::open(std::shared_ptr<const MappedFile> file,
                                                   const FileSet* set) {
  std::shared_ptr<GgufReader> reader(new GgufReader(file->path()));
  GgufHeader header = parse_gguf(file->bytes(), file->path());
  reader->version_ = header.version;
  reader->alignment_ = header.alignment;
  reader->metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < reader->metadata_.size(); ++i) {
    reader->key_index_.emplace(reader->metadata_[i].key, i);
  }
  reader->add_file(std::move(file), std::move(header.tensors));
  reader->open_splits(set);
  reader->index_tensors();
  return reader;
}

void GgufReader::open_splits(const FileSet* set) {
  const std::int64_t count = get_int(kSplitCount).value_or(1);
  if (count < 0 || count > kMaxSplits) {
    fail_invalid("{}: {} is {}; 1 to {} are possible", quoted(path()), kSplitCount, count,
                 kMaxSplits);
  }
  if (count > 1) {
    const std::int64_t no = require_int(kSplitNo, 0, count - 1);
    if (no != 0) {
      fail_invalid("{}: is file {} of a model split into {}; name the first, *{}", quoted(path()),
                   no + 1, count, split_suffix(0, count));
    }
    const std::string suffix = split_suffix(0, count);
    if (!path().ends_with(suffix)) {
      fail_invalid(
          "{}: is the first of {} files, so its name must end in {} for the others to be "
          "found",
          quoted(path()), count, suffix);
    }
    const std::string prefix = path().substr(0, path().size() - suffix.size());
    for (std::int64_t i = 1; i < count; ++i) {
      const std::string name = prefix + split_suffix(i, count);
      auto file = set == nullptr ? open_weights_of_folder(name)
                                 : set->open_weights(name.substr(name.rfind('/') + 1));
      GgufHeader header = parse_gguf(file->bytes(), name);
      if (split_integer(header, kSplitCount, name) != count ||
          split_integer(header, kSplitNo, name) != i) {
        fail_invalid("{}: is not file {} of {} of the split model {}: {} or {} differ",
                     quoted(name), i + 1, count, quoted(path()), kSplitNo, kSplitCount);
      }
      add_file(std::move(file), std::move(header.tensors));
    }
  }
  const auto total = get_int(kSplitTensors);
  if (total && count > 0 && static_cast<std::uint64_t>(*total) != tensors().size()) {
    fail_invalid("{}: {} is {}, but the {} files hold {} tensors", quoted(path()), kSplitTensors,
                 *total, files().size(), tensors().size());
  }
}

const GgufValue* GgufReader::find(std::string_view key) const noexcept {
  const auto at = key_index_.find(key);
  return at == key_index_.end() ? nullptr : &metadata_[at->second].value;
}

void GgufReader::fail_type(std::string_view key, const GgufValue& value,
                           std::string_view wanted) const {
  fail_invalid("{}: key {} is {}, not {}", quoted(path()), quoted(key), describe(value), wanted);
}

std::optional<std::int64_t> GgufReader::get_int(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_integer(value->type)) fail_type(key, *value, "an integer");
  const auto number = load_integer(value->type, value->data.data());
  if (!number) fail_invalid("{}: key {} does not fit 63 bits", quoted(path()), quoted(key));
  return number;
}

std::optional<double> GgufReader::get_double(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type == GgufType::kF32) return load<float>(value->data.data());
  if (value->type == GgufType::kF64) return load<double>(value->data.data());
  if (!is_integer(value->type)) fail_type(key, *value, "a number");
  return static_cast<double>(*get_int(key));
}

std::optional<bool> GgufReader::get_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kBool) fail_type(key, *value, "a bool");
  return value->data[0] != std::byte{0};
}

std::optional<std::string_view> GgufReader::get_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kString) fail_type(key, *value, "a string");
  return std::string_view(reinterpret_cast<const char*>(value->data.data()), value->data.size());
}

std::int64_t GgufReader::require_int(std::string_view key, std::int64_t least,
                                     std::int64_t most) const {
  const auto number = get_int(key);
  if (!number) fail_invalid("{}: the key {} is missing", quoted(path()), quoted(key));
  if (*number < least || *number > most) {
    fail_invalid("{}: key {} is {}; {} to {} are possible", quoted(path()), quoted(key), *number,
                 least, most);
  }
  return *number;
}

std::string_view GgufReader::require_string(std::string_view key) const {
  const auto text = get_string(key);
  if (!text) fail_invalid("{}: the key {} is missing", quoted(path()), quoted(key));
  return *text;
}

std::optional<std::vector<std::string_view>> GgufReader::get_strings(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kArray || value->element != GgufType::kString) {
    fail_type(key, *value, "an array of strings");
  }
  // Lengths are checked again, within the span of the array: the file is mapped, and
  // somebody may have changed it since they were checked first.
  std::vector<std::string_view> out;
  out.reserve(value->count);
  ByteReader in(value->data, path());
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto size = in.read<std::uint64_t>("a string of an array");
    out.push_back(in.take_string(size, "a string of an array"));
  }
  return out;
}

std::optional<std::vector<std::int64_t>> GgufReader::get_ints(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kArray || !is_integer(value->element)) {
    fail_type(key, *value, "an array of integers");
  }
  std::vector<std::int64_t> out;
  out.reserve(value->count);
  const std::size_t step = gguf_type_bytes(value->element);
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto number = load_integer(value->element, value->data.data() + i * step);
    if (!number) {
      fail_invalid("{}: element {} of key {} does not fit 63 bits", quoted(path()), i, quoted(key));
    }
    out.push_back(*number);
  }
  return out;
}

std::optional<std::vector<float>> GgufReader::get_floats(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool is_f32 = value->element == GgufType::kF32;
  if (value->type != GgufType::kArray || (!is_f32 && value->element != GgufType::kF64)) {
    fail_type(key, *value, "an array of floats");
  }
  std::vector<float> out(value->count);
  if (is_f32) {
    if (!out.empty()) std::memcpy(out.data(), value->data.data(), out.size() * sizeof(float));
  } else {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(load<double>(value->data.data() + i * sizeof(double)));
    }
  }
  return out;
}

std::optional<std::vector<std::int64_t>> GgufReader::get_int_or_ints(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value != nullptr && value->type == GgufType::kArray) return get_ints(key);
  const auto number = get_int(key);
  if (!number) return std::nullopt;
  return std::vector<std::int64_t>{*number};
}

}  // namespace lathe
