// A tokenizer on its own, whatever holds it.
#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/open.h"
#include "container/gguf_reader.h"
#include "container/llama2c_reader.h"
#include "io/mapped_file.h"

namespace lathe {

TokenizerFiles open_tokenizer_files(const std::string& path) {
  ModelConfig any;
  any.vocab_size = -1;  // as many tokens as the file holds
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return load_tokenizer(path, any);
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (GgufReader::looks_like(bytes)) return load_tokenizer(path, any);
  const bool safetensors = bytes.size() > 8 && bytes[8] == std::byte{'{'};
  if (!safetensors && !Llama2cReader::looks_like(bytes)) return load_tokenizer(path, any);
  const auto checkpoint = Checkpoint::open(path);
  if (!checkpoint->tokenizer_files()) {
    fail_invalid("{}: the model has no tokenizer; name its tokenizer file instead", quoted(path));
  }
  return *checkpoint->tokenizer_files();
}

}  // namespace lathe
