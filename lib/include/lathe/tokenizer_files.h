// What the files of a model say of its tokenizer, unparsed, and the conversions between their
// forms: for programs that read or write model files. To encode and decode, lathe/tokenizer.h is
// enough.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

// A GGUF vocabulary, as its tokenizer.ggml.* keys hold it.
struct GgufVocabulary {
  std::string model;  // "llama" (sentencepiece) or "gpt2" (byte-level BPE)
  std::string pre;    // name of the pre-tokenizer, for "gpt2"
  std::vector<std::string> tokens;
  std::vector<float> scores;        // empty or one per token
  std::vector<std::int32_t> types;  // empty or one per token: 1 normal, 2 unknown, 3 control,
                                    // 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges;  // "left right", for "gpt2"
  std::int64_t bos = -1, eos = -1, unknown = -1, pad = -1, eot = -1;
  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::string chat_template;
  // Of "llama": where the space in front of a text goes, a key of our own. "" everywhere, also
  // behind control tokens, as all readers of GGUF do; "first": not behind those; "missing": only
  // where the text does not begin with one; "first missing": both.
  std::string space_prefix;
  // What names no id has none, a key of our own: readers of GGUF would take ids by default.
  bool no_default_ids = false;
  NamedTexts named_chat_templates = {};  // tokenizer.chat_template.NAME
};

// Everything a source holds about its tokenizer, unparsed: the contents of Hugging Face's
// files (empty when absent), or a GGUF vocabulary.
struct TokenizerFiles {
  std::string tokenizer_json;         // tokenizer.json
  std::string compiled_json;          // tokenizer.compiled: the same as tables, of .lathe files
  std::string sentencepiece_model;    // tokenizer.model
  std::string tokenizer_config_json;  // tokenizer_config.json: special tokens, template
  std::string special_tokens_map_json;
  std::string added_tokens_json;  // added_tokens.json, of older folders
  std::string chat_template;      // chat_template.jinja, where the template has a file of its own
  NamedTexts named_chat_templates = {};  // additional_chat_templates/NAME.jinja
                                         // (a GGUF vocabulary has its own)
  std::optional<GgufVocabulary> gguf;
  std::string origin;  // path for messages; ends in "/" where it is the folder of the files
  // Rows of the model's embedding, -1 where no model is known. Many models have more of them than
  // their tokenizer has tokens: such an id is no error, and its text is empty.
  std::int64_t rows = -1;
};

// Conversions between the forms that files hold. Both keep every id, piece, score and merge.
// Throw kUnsupported, naming what has no counterpart in the other form.
LATHE_API TokenizerFiles to_hugging_face(const TokenizerFiles& files);
// TokenizerFiles::compiled_json of a tokenizer.json; "" where it would not pay.
LATHE_API std::string compile_tokenizer(const TokenizerFiles& files);
// `vocab_size`: rows of the model's embedding; a vocabulary with fewer tokens is filled up with
// unused ones ("[PAD12]"), and control tokens beyond the rows are left out. -1: as many as there
// are.
LATHE_API GgufVocabulary to_gguf(const TokenizerFiles& files, std::int64_t vocab_size = -1);
// llama2.c's tokenizer.bin (no header but the longest piece's length; `vocab_size` from the
// model's header) as a sentencepiece model.
LATHE_API TokenizerFiles from_llama2c_tokenizer(std::span<const std::byte> bytes,
                                                std::int64_t vocab_size, const std::string& origin);

}  // namespace lathe
