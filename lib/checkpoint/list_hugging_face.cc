// What a Hugging Face folder, or a file of safetensors, says of itself.
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "checkpoint/foreign_folder.h"
#include "checkpoint/formats.h"
#include "checkpoint/hugging_face_folder.h"
#include "checkpoint/small_file.h"
#include "foreign/foreign_matrix.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

// The members of config.json, one line each.
void list_config(const std::string& text, const std::string& path, FileListing& out) {
  const nlohmann::json json = parse_json(text, path);
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

// A file alone: weights, and free text.
void list_safetensors(const SafetensorsReader& file, FileListing& out) {
  out.format = "safetensors";
  for (const auto& [key, value] : file.metadata()) out.metadata.push_back({key, "", value});
  list_entries(file, out);
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    if (!file.bytes_type(i).empty()) out.schemes[file.tensors()[i].name] = file.bytes_type(i);
  }
}

}  // namespace

void list_hugging_face(const ModelPath& path, FileListing& out) {
  if (!path.is_folder()) return list_safetensors(*path.safetensors(), out);
  out.format = "Hugging Face";
  const FileSet& folder = path.files();
  const std::string config = require_config(folder);
  const std::string text = read_small_file(folder, config);
  list_config(text, folder.path_of(config), out);
  const auto weights = open_folder_weights(folder);
  std::vector<FoundTensor> found = list_tensors(*weights);
  const auto bytes = join_foreign(folder, text, *weights, found);
  for (const FoundTensor& tensor : found) {
    const auto joined = bytes.find(tensor.name);
    out.tensors.push_back(
        {.name = tensor.name,
         .dtype = tensor.dtype,
         .shape = tensor.shape,
         .bytes = joined == bytes.end() ? weights->tensors()[tensor.index].bytes : joined->second});
    const std::string_view type = weights->bytes_type(tensor.index);
    if (!type.empty()) out.schemes[tensor.name] = type;
    if (tensor.matrix) {
      out.schemes[tensor.name] = packed_scheme_name(tensor.matrix->form().scheme);
    }
  }
}

}  // namespace lathe
