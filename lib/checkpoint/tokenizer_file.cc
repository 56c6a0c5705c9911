#include "checkpoint/tokenizer_file.h"

#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/formats.h"
#include "checkpoint/small_file.h"

namespace lathe {
namespace {

int byte_at(std::span<const std::byte> bytes, std::size_t i) {
  return i < bytes.size() ? static_cast<int>(bytes[i]) : -1;
}

// JSON begins with a brace, after a byte order mark and space.
bool is_json(std::span<const std::byte> bytes) {
  const auto at = [&](std::size_t i) { return byte_at(bytes, i); };
  std::size_t i = at(0) == 0xef && at(1) == 0xbb && at(2) == 0xbf ? 3 : 0;
  while (at(i) == ' ' || at(i) == '\n' || at(i) == '\r' || at(i) == '\t') ++i;
  return at(i) == '{';
}

// A sentencepiece model begins with field 1: a piece that has a length, and in it field 1 again.
bool is_sentencepiece(std::span<const std::byte> bytes) {
  return byte_at(bytes, 0) == 0x0a && byte_at(bytes, 1) > 0 && byte_at(bytes, 2) == 0x0a;
}

std::shared_ptr<const TokenizerFiles> tokenizer_of(const Format& format, const ModelPath& path) {
  if (format.tokenizer != nullptr) return format.tokenizer(path);
  auto tokenizer = open_parts(format, path).facts.tokenizer;
  if (!tokenizer) {
    fail_invalid("{}: the model has no tokenizer; name its tokenizer file instead",
                 quoted(path.path()));
  }
  return tokenizer;
}

}  // namespace

std::shared_ptr<const TokenizerFiles> load_tokenizer(const std::string& path,
                                                     std::int64_t vocab_size) {
  const ModelPath model(path);
  if (const Format* format = find_format(model)) {
    auto files = tokenizer_of(*format, model);
    if (vocab_size < 0 || files->rows == vocab_size) return files;
    TokenizerFiles lent = *files;  // to a model that has other rows than its own
    lent.rows = vocab_size;
    return std::make_shared<const TokenizerFiles>(std::move(lent));
  }
  TokenizerFiles files;
  files.origin = path;
  if (is_json(model.bytes())) {
    files.tokenizer_json = read_small_file(*model.file());
  } else if (is_sentencepiece(model.bytes())) {
    files.sentencepiece_model = read_small_file(*model.file());
  } else {
    files = from_llama2c_tokenizer(model.bytes(), vocab_size, path);
  }
  files.rows = vocab_size;
  return std::make_shared<const TokenizerFiles>(std::move(files));
}

std::shared_ptr<const TokenizerFiles> open_tokenizer_files(const std::string& path) {
  return load_tokenizer(path, -1);
}

}  // namespace lathe
