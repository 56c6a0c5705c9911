#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_gguf.h"
#include "checkpoint/open.h"
#include "container/gguf_reader.h"
#include "io/mapped_file.h"

namespace lathe {
namespace {

constexpr std::size_t kMostBytes = std::size_t{512} << 20;

enum class Kind { kJson, kSentencePiece, kGguf, kLlama2c };

// By content: JSON begins with a brace, a sentencepiece model with field 1 (a piece that has a
// length and in it field 1 again); llama2.c's file has no mark of its own.
Kind kind_of(std::span<const std::byte> bytes) {
  if (GgufReader::looks_like(bytes)) return Kind::kGguf;
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<int>(bytes[i]) : -1; };
  std::size_t i = 0;
  if (at(0) == 0xef && at(1) == 0xbb && at(2) == 0xbf) i = 3;
  while (at(i) == ' ' || at(i) == '\n' || at(i) == '\r' || at(i) == '\t') ++i;
  if (at(i) == '{') return Kind::kJson;
  if (at(0) == 0x0a && at(1) > 0 && at(2) == 0x0a) return Kind::kSentencePiece;
  return Kind::kLlama2c;
}

}  // namespace

std::string read_small_file(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (bytes.size() > kMostBytes) {
    fail(ErrorCode::kLimit, "{}: has {} bytes; files of this kind may have {}", quoted(path),
         bytes.size(), kMostBytes);
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_small_file_if_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? read_small_file(path) : std::string();
}

std::optional<TokenizerFiles> tokenizer_from_folder(const std::string& folder) {
  TokenizerFiles files;
  files.origin = folder;
  files.tokenizer_json = read_small_file_if_there(folder + "/tokenizer.json");
  files.sentencepiece_model = read_small_file_if_there(folder + "/tokenizer.model");
  if (files.tokenizer_json.empty() && files.sentencepiece_model.empty()) return std::nullopt;
  files.tokenizer_config_json = read_small_file_if_there(folder + "/tokenizer_config.json");
  files.special_tokens_map_json = read_small_file_if_there(folder + "/special_tokens_map.json");
  files.chat_template = read_small_file_if_there(folder + "/chat_template.jinja");
  return files;
}

TokenizerFiles load_tokenizer(const std::string& path, const ModelConfig& config) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    auto files = tokenizer_from_folder(path);
    if (!files) {
      fail_invalid("{}: the folder has neither tokenizer.json nor tokenizer.model", quoted(path));
    }
    return *std::move(files);
  }
  const std::string content = read_small_file(path);
  const auto bytes = std::as_bytes(std::span(content.data(), content.size()));
  if (bytes.empty()) fail_invalid("{}: the file is empty", quoted(path));
  TokenizerFiles files;
  files.origin = path;
  switch (kind_of(bytes)) {
    case Kind::kJson:
      files.tokenizer_json = content;
      break;
    case Kind::kSentencePiece:
      files.sentencepiece_model = content;
      break;
    case Kind::kGguf: {
      files.gguf = vocabulary_from_gguf(*GgufReader::open(path));
      if (!files.gguf) fail_invalid("{}: the file holds no vocabulary", quoted(path));
      break;
    }
    case Kind::kLlama2c:
      return from_llama2c_tokenizer(bytes, config.vocab_size, path);
  }
  return files;
}

}  // namespace lathe
