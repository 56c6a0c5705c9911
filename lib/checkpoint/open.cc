// Which kind of checkpoint is it? Asked of the content, never of the name.
#include "checkpoint/open.h"

#include <filesystem>
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lathe_file.h"
#include "container/gguf_reader.h"
#include "container/llama2c_reader.h"
#include "io/mapped_file.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

void require_checksums(const std::string& path) {
  const VerifyReport report = verify_checksums(path);
  if (report.mismatched.empty()) return;
  fail_invalid("{}: {} of {} checksums do not match, the first one that of {}: the file is damaged",
               quoted(path), report.mismatched.size(), report.tensors + 1,
               quoted(report.mismatched.front()));
}

CheckpointParts open_safetensors(const std::string& path, const OpenOptions& options) {
  auto safetensors = SafetensorsReader::open(path);
  if (lathe_file::is_native(*safetensors)) {
    if (options.verify_checksums) require_checksums(path);
    return open_lathe(std::move(safetensors));
  }
  // Weights alone do not make a model: the configuration lies beside them.
  const fs::path folder = fs::path(path).parent_path();
  const std::string name = folder.empty() ? "." : folder.string();
  std::error_code ignored;
  if (!fs::exists(name + "/config.json", ignored)) {
    fail_invalid("{}: holds weights without a configuration, and there is no config.json beside it",
                 quoted(path));
  }
  return open_hugging_face(name);
}

CheckpointParts open_folder(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path + "/config.json", ignored)) {
    fail_invalid("{}: the folder has no config.json, so it is no Hugging Face model", quoted(path));
  }
  return open_hugging_face(path);
}

CheckpointParts open_any(const std::string& path, const OpenOptions& options) {
  switch (kind_of_file(path)) {
    case FileKind::kFolder:
      return open_folder(path);
    case FileKind::kGguf:
      return open_gguf(path);
    case FileKind::kSafetensors:
      return open_safetensors(path, options);
    case FileKind::kLlama2c:
      return open_llama2c(path);
  }
  fail(ErrorCode::kBug, "a file of no kind");
}

}  // namespace

FileKind kind_of_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return FileKind::kFolder;
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (bytes.empty()) fail_invalid("{}: the file is empty", quoted(path));
  if (GgufReader::looks_like(bytes)) return FileKind::kGguf;
  if (SafetensorsReader::looks_like(bytes)) return FileKind::kSafetensors;
  if (Llama2cReader::looks_like(bytes)) return FileKind::kLlama2c;
  fail_invalid(
      "{}: is no model file known here (GGUF, .lathe, llama2.c .bin, or a Hugging Face "
      "folder), or it is cut short",
      quoted(path));
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::string& path,
                                                   const OpenOptions& options) {
  CheckpointParts parts = open_any(path, options);
  if (!options.tokenizer_path.empty()) {
    parts.facts.tokenizer = std::make_shared<const TokenizerFiles>(
        load_tokenizer(options.tokenizer_path, parts.facts.config));
  }
  return make_checkpoint(std::move(parts));
}

}  // namespace lathe
