#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/list.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/open.h"
#include "container/gguf_reader.h"
#include "container/llama2c_reader.h"
#include "container/safetensors_reader.h"
#include "io/mapped_file.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kElementsShown = 4;

TensorInfo info_of(const TensorEntry& entry) {
  return {.name = entry.name, .dtype = entry.dtype, .shape = entry.shape, .bytes = entry.bytes};
}

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

void list_gguf(const std::string& path, FileListing& out) {
  const auto gguf = GgufReader::open(path);
  out.format = "GGUF";
  out.metadata.push_back({"version", "", static_cast<std::int64_t>(gguf->version())});
  for (const GgufEntry& entry : gguf->metadata()) out.metadata.push_back(describe(*gguf, entry));
  for (const TensorEntry& entry : gguf->tensors()) out.tensors.push_back(info_of(entry));
}

// A packed or blocked matrix is bytes to a reader of safetensors; people want what is in them.
void unwrap(const SafetensorsReader& file, const std::map<std::string, DType>& blocks,
            std::size_t number, FileListing& out) {
  TensorInfo& info = out.tensors[number];
  if (out.schemes.contains(info.name) && info.shape.size() == 1) {
    const PackedMatrix matrix =
        parse_packed(file.tensor_data(number),
                     fmt::format("{}: tensor {}", quoted(file.path()), quoted(info.name)));
    info.dtype = DType::kPacked;
    info.shape = {matrix.rows, matrix.cols};
    out.schemes[info.name] = packed_scheme_name(matrix.scheme);
    return;
  }
  const auto block = blocks.find(info.name);
  if (block == blocks.end() || info.shape.size() != 2) return;
  const DTypeInfo& type = dtype_info(block->second);
  info.dtype = block->second;
  info.shape[1] = info.shape[1] / type.bytes * type.block;
}

void list_safetensors(const SafetensorsReader& file, FileListing& out) {
  const bool native = lathe_file::is_native(file);
  for (const auto& [key, value] : file.metadata()) {
    // One entry per tensor: nothing to read, or shown beside the tensors.
    const bool beside = native && (key == lathe_file::kKeyPacked || key == lathe_file::kKeyBlocks);
    if (key == lathe_file::kKeyTensorSums || beside) continue;
    out.metadata.push_back({key, "", value});
  }
  for (const TensorEntry& entry : file.tensors()) out.tensors.push_back(info_of(entry));
  if (!native) return;
  out.schemes = lathe_file::read_packed(file);
  const auto blocks = lathe_file::read_blocks(file);
  for (std::size_t i = 0; i < out.tensors.size(); ++i) unwrap(file, blocks, i, out);
}

void list_llama2c(const std::string& path, FileListing& out) {
  const auto file = Llama2cReader::open(path);
  const Llama2cHeader& h = file->header();
  out.format = "llama2.c";
  const auto add = [&](const char* key, std::int64_t value) {
    out.metadata.push_back({key, "", value});
  };
  add("dim", h.dim);
  add("hidden_dim", h.hidden_dim);
  add("n_layers", h.n_layers);
  add("n_heads", h.n_heads);
  add("n_kv_heads", h.n_kv_heads);
  add("vocab_size", h.vocab_size);
  add("seq_len", h.seq_len);
  out.metadata.push_back({"shared_classifier", "", h.shared_classifier});
  for (const TensorEntry& entry : file->tensors()) out.tensors.push_back(info_of(entry));
}

// The members of config.json, one line each.
void list_config(const std::string& path, FileListing& out) {
  const nlohmann::json json = parse_json(read_small_file(path), path);
  const JsonView view(json, path);
  if (!view.is_object()) view.fail_here("is not an object");
  for (const auto& item : json.items()) {
    const nlohmann::json& value = item.value();
    ListedValue listed{item.key(), "", std::string()};
    if (value.is_boolean()) {
      listed.value = value.get<bool>();
    } else if (value.is_number_integer() && !value.is_number_unsigned()) {
      listed.value = value.get<std::int64_t>();
    } else if (value.is_number_unsigned() && value.get<std::uint64_t>() <= INT64_MAX) {
      listed.value = static_cast<std::int64_t>(value.get<std::uint64_t>());
    } else if (value.is_number()) {
      listed.value = value.get<double>();
    } else if (value.is_string()) {
      listed.value = value.get<std::string>();
    } else {
      listed.value = value.dump();
    }
    out.metadata.push_back(std::move(listed));
  }
}

void list_folder(const std::string& path, FileListing& out) {
  out.format = "Hugging Face";
  const std::string config = path + "/config.json";
  std::error_code ignored;
  if (!fs::exists(config, ignored)) {
    fail_invalid("{}: the folder has no config.json, so it is no Hugging Face model", quoted(path));
  }
  list_config(config, out);
  const auto weights = open_folder_weights(path);
  for (const TensorEntry& entry : weights->tensors()) out.tensors.push_back(info_of(entry));
}

}  // namespace

FileListing list_file(const std::string& path) {
  FileListing out;
  out.path = path;
  switch (kind_of_file(path)) {
    case FileKind::kFolder:
      list_folder(path, out);
      break;
    case FileKind::kGguf:
      list_gguf(path, out);
      break;
    case FileKind::kSafetensors: {
      const auto file = SafetensorsReader::open(path);
      out.format = lathe_file::is_native(*file) ? "lathe" : "safetensors";
      list_safetensors(*file, out);
      break;
    }
    case FileKind::kLlama2c:
      list_llama2c(path, out);
      break;
  }
  return out;
}

}  // namespace lathe
