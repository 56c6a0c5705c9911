// What a GGUF file says of itself.
#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "checkpoint/formats.h"
#include "container/gguf_reader.h"

namespace lathe {
namespace {

constexpr std::size_t kElementsShown = 4;

template <typename T>
std::string first_of(const std::optional<std::vector<T>>& elements) {
  std::string out;
  for (std::size_t i = 0; i < std::min(elements->size(), kElementsShown); ++i) {
    if (i > 0) out += ", ";
    if constexpr (std::is_same_v<T, std::string_view>) {
      out += '"';
      out += (*elements)[i];
      out += '"';
    } else {
      out += fmt::format("{}", (*elements)[i]);
    }
  }
  if (elements->size() > kElementsShown) out += ", ...";
  return out;
}

std::string describe_array(const GgufReader& gguf, const GgufEntry& entry) {
  const std::string head = fmt::format("{} elements: ", entry.value.count);
  switch (entry.value.element) {
    case GgufType::kString:
      return head + first_of(gguf.get_strings(entry.key));
    case GgufType::kF32:
    case GgufType::kF64:
      return head + first_of(gguf.get_floats(entry.key));
    case GgufType::kBool:
    case GgufType::kArray:
      return fmt::format("{} elements", entry.value.count);
    default:
      return head + first_of(gguf.get_ints(entry.key));
  }
}

ListedValue describe(const GgufReader& gguf, const GgufEntry& entry) {
  ListedValue out;
  out.key = entry.key;
  out.type = gguf_type_name(entry.value.type);
  switch (entry.value.type) {
    case GgufType::kArray:
      out.type = fmt::format("array of {}", gguf_type_name(entry.value.element));
      out.value = describe_array(gguf, entry);
      break;
    case GgufType::kString:
      out.value = std::string(*gguf.get_string(entry.key));
      break;
    case GgufType::kBool:
      out.value = *gguf.get_bool(entry.key);
      break;
    case GgufType::kF32:
    case GgufType::kF64:
      out.value = *gguf.get_double(entry.key);
      break;
    case GgufType::kU64: {
      // The one type that an int64 cannot always hold.
      std::uint64_t value = 0;
      std::memcpy(&value, entry.value.data.data(), sizeof value);
      if (value > static_cast<std::uint64_t>(INT64_MAX)) {
        out.value = fmt::format("{}", value);
        break;
      }
      out.value = static_cast<std::int64_t>(value);
      break;
    }
    default:
      out.value = *gguf.get_int(entry.key);
  }
  return out;
}

}  // namespace

void list_gguf(const ModelPath& path, FileListing& out) {
  const auto gguf = GgufReader::open(path.file(), path.archive() ? &path.files() : nullptr);
  out.format = "GGUF";
  out.metadata.push_back({"version", "", static_cast<std::int64_t>(gguf->version())});
  for (const GgufEntry& entry : gguf->metadata()) out.metadata.push_back(describe(*gguf, entry));
  list_entries(*gguf, out);
}

}  // namespace lathe
