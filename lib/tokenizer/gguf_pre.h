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
  bool add_bos = false;      // where the file does not say
  bool without_bos = false;  // no token is BOS where the file names none
  // Characters in place of bytes: a space is U+2581, and what has no token is bytes ("<0x0A>").
  bool marks_spaces = false;
  bool whole_line_ends = false;  // a run of line feeds that is a token is that token
};

// By name or alias ("llama3"), null when it is not known. "" is "default".
const GgufPre* find_gguf_pre(std::string_view name) noexcept;

// The one of a vocabulary: of model "gemma4" that of this name, whatever it says.
struct GgufVocabulary;
const GgufPre* find_gguf_pre(const GgufVocabulary& vocabulary) noexcept;

// Whether its model is BPE over words that a pre-tokenizer cuts.
bool is_gguf_bpe(const GgufVocabulary& vocabulary) noexcept;

// GgufPre::whole_line_ends by name.
bool ends_lines_whole(std::string_view name) noexcept;

// Every pre-tokenizer, each once, those first whose name stands for a whole group of equals.
std::span<const GgufPre> gguf_pres() noexcept;

// For a vocabulary that does not name its own.
std::string missing_pre_warning(const std::string& file);

}  // namespace lathe
