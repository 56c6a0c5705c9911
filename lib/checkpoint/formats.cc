#include "checkpoint/formats.h"

#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

// Each format's own, in open_*.cc and list_*.cc.
bool is_gguf(const ModelPath& path);
CheckpointParts open_gguf(const ModelPath& path, const OpenOptions& options);
void list_gguf(const ModelPath& path, FileListing& out);
std::shared_ptr<const TokenizerFiles> gguf_tokenizer(const ModelPath& path);

bool is_lathe(const ModelPath& path);
CheckpointParts open_lathe(const ModelPath& path, const OpenOptions& options);
void list_lathe(const ModelPath& path, FileListing& out);

bool is_llama2c(const ModelPath& path);
CheckpointParts open_llama2c(const ModelPath& path, const OpenOptions& options);
void list_llama2c(const ModelPath& path, FileListing& out);

bool is_hugging_face(const ModelPath& path);
CheckpointParts open_hugging_face(const ModelPath& path, const OpenOptions& options);
void list_hugging_face(const ModelPath& path, FileListing& out);
std::shared_ptr<const TokenizerFiles> hugging_face_tokenizer(const ModelPath& path);

namespace {

// llama2.c's file has no mark of its own but its exact size, which no other here has.
constexpr Format kFormats[] = {
    {CheckpointFormat::kGguf, "GGUF", is_gguf, open_gguf, list_gguf, gguf_tokenizer},
    {CheckpointFormat::kLathe, ".lathe", is_lathe, open_lathe, list_lathe, nullptr},
    {{"llama2.c"}, "llama2.c .bin", is_llama2c, open_llama2c, list_llama2c, nullptr},
    {CheckpointFormat::kHuggingFace, "a Hugging Face folder", is_hugging_face, open_hugging_face,
     list_hugging_face, hugging_face_tokenizer},
};

// "GGUF, .lathe, llama2.c .bin, or a Hugging Face folder"
std::string all_titles() {
  std::string out;
  for (const Format& format : kFormats) {
    if (&format != std::begin(kFormats)) out += ", ";
    if (&format + 1 == std::end(kFormats)) out += "or ";
    out += format.title;
  }
  return out;
}

}  // namespace

std::span<const Format> formats() noexcept { return kFormats; }

const Format* find_format(const ModelPath& path) {
  for (const Format& format : kFormats) {
    if (format.sniff(path)) return &format;
  }
  return nullptr;
}

const Format& format_of(const ModelPath& path) {
  if (const Format* format = find_format(path)) return *format;
  fail_invalid("{}: is no model file known here ({}), or it is cut short", quoted(path.path()),
               all_titles());
}

CheckpointParts open_parts(const Format& format, const ModelPath& path,
                           const OpenOptions& options) {
  CheckpointParts parts = format.open(path, options);
  parts.facts.format = format.id;
  return parts;
}

}  // namespace lathe
