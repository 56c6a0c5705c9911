// Which model a record came from, told by its contents.
#include <fmt/format.h>

#include "lathe/sgp_run.h"

#include "checkpoint/checksum.h"

namespace lathe {
namespace {

constexpr std::size_t kPiece = 4096;

// The beginning, the middle and the end of a tensor.
void add_bytes(const Checkpoint& checkpoint, std::size_t tensor, Checksum& sum) {
  const std::span<const std::byte> bytes = checkpoint.bytes_in_place(tensor);
  if (!bytes.empty()) {
    const std::size_t n = std::min(kPiece, bytes.size());
    sum.add(bytes.first(n));
    sum.add(bytes.subspan((bytes.size() - n) / 2, n));
    sum.add(bytes.last(n));
    return;
  }
  const TensorInfo& info = checkpoint.tensors()[tensor];
  const std::int64_t rows = info.rows();
  if (rows == 0 || info.bytes == 0) return;
  std::vector<std::byte> row(
      static_cast<std::size_t>(info.bytes / static_cast<std::uint64_t>(rows)));
  for (const std::int64_t at : {std::int64_t{0}, rows / 2, rows - 1}) {
    checkpoint.read_rows(tensor, at, 1, row);
    sum.add(row);
  }
}

}  // namespace

std::string sgp_model_identity(const Checkpoint& checkpoint) {
  Checksum sum;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    sum.add(fmt::format("{}|{}|{}|{};", info.name, static_cast<int>(info.dtype),
                        fmt::join(info.shape, ","), info.bytes));
    add_bytes(checkpoint, i, sum);
  }
  if (const auto& files = checkpoint.tokenizer_files()) {
    for (const std::string* text :
         {&files->tokenizer_json, &files->sentencepiece_model, &files->tokenizer_config_json,
          &files->special_tokens_map_json, &files->chat_template}) {
      sum.add(fmt::format("{}:", text->size()));
      sum.add(*text);
    }
    if (files->gguf) {
      for (const std::string& token : files->gguf->tokens) sum.add(token + '\n');
      for (const std::string& merge : files->gguf->merges) sum.add(merge + '\n');
      sum.add(files->gguf->chat_template);
    }
  }
  return sum.text();
}

}  // namespace lathe
