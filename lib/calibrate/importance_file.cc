#include <charconv>
#include <cmath>
#include <cstring>

#include "lathe/host/output_file.h"
#include "lathe/importance.h"

#include "base/escape.h"
#include "base/fail.h"
#include "calibrate/imatrix_file.h"
#include "container/gguf_reader.h"
#include "container/safetensors_reader.h"
#include "container/safetensors_writer.h"
#include "io/mapped_file.h"

namespace lathe {
namespace {

constexpr const char* kFormatKey = "lathe.importance";
constexpr const char* kFormatVersion = "1";
constexpr const char* kTokensKey = "lathe.importance.tokens";

}  // namespace

void write_importance(const ImportanceMatrix& matrix, const std::string& path, bool overwrite) {
  std::vector<TensorSpec> tensors;
  for (const auto& [name, columns] : matrix.columns) {
    tensors.push_back({name, DType::kF32, {static_cast<std::int64_t>(columns.size())}});
  }
  OutputFile file(path, overwrite);
  SafetensorsWriter writer(
      file, tensors, {{kFormatKey, kFormatVersion}, {kTokensKey, std::to_string(matrix.tokens)}});
  for (const auto& [name, columns] : matrix.columns)
    writer.append(std::as_bytes(std::span(columns)));
  writer.finish();
  file.commit();
}

ImportanceMatrix read_importance(const std::string& path) {
  {
    const auto file = MappedFile::open(path);
    if (GgufReader::looks_like(file->bytes())) return read_imatrix_gguf(path);
    if (looks_like_imatrix_dat(file->bytes())) return read_imatrix_dat(file->bytes(), path);
  }
  const auto reader = SafetensorsReader::open(path);
  const auto& metadata = reader->metadata();
  const auto version = metadata.find(kFormatKey);
  if (version == metadata.end() || version->second != kFormatVersion) {
    fail_invalid("{}: is no importance matrix: the metadata lacks {} = {}", quoted(path),
                 kFormatKey, kFormatVersion);
  }
  ImportanceMatrix matrix;
  if (const auto tokens = metadata.find(kTokensKey); tokens != metadata.end()) {
    const std::string& text = tokens->second;
    std::from_chars(text.data(), text.data() + text.size(), matrix.tokens);
  }
  for (std::size_t t = 0; t < reader->tensors().size(); ++t) {
    const TensorEntry& entry = reader->tensors()[t];
    if (entry.dtype != DType::kF32 || entry.shape.size() != 1) {
      fail_invalid("{}: tensor {} is no vector of F32", quoted(path), quoted(entry.name));
    }
    const auto bytes = reader->tensor_data(t);
    std::vector<float> columns(bytes.size() / sizeof(float));
    if (!columns.empty()) std::memcpy(columns.data(), bytes.data(), bytes.size());
    for (const float value : columns) {
      if (!(value >= 0.0f) || !std::isfinite(value)) {
        fail_invalid("{}: tensor {} holds a value that is negative or not finite", quoted(path),
                     quoted(entry.name));
      }
    }
    matrix.columns[entry.name] = std::move(columns);
  }
  return matrix;
}

}  // namespace lathe
