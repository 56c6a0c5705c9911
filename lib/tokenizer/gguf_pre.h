// The pre-tokenizers that tokenizer.ggml.pre names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lathe {

struct GgufPre {
  std::string_view name;
  std::span<const std::string_view> splits;  // regexes, each isolating its matches, in turn
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

// By name or alias ("llama3"), null when it is not known.
const GgufPre* find_gguf_pre(std::string_view name) noexcept;

// Every pre-tokenizer, each once, those first whose name stands for a whole group of equals.
std::span<const GgufPre> gguf_pres() noexcept;

}  // namespace lathe
