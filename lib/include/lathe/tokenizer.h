// Text to token ids and back.
//
// A Tokenizer is built from the model's own files and does what they say: sentencepiece
// models through the sentencepiece library, tokenizer.json (byte-level and byte-fallback
// BPE) through code here. Immutable after construction; encode and decode may run on several
// threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"

namespace lathe {

using TokenId = std::int32_t;

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
                                  // (a GGUF vocabulary has its own)
  std::optional<GgufVocabulary> gguf;
  std::string origin;  // path for messages; ends in "/" where it is the folder of the files
  // Rows of the model's embedding, -1 where no model is known. Many models have more of them than
  // their tokenizer has tokens: such an id is no error, and its text is empty.
  std::int64_t rows = -1;
};

struct EncodeOptions {
  bool add_special = true;     // BOS/EOS, as the model's files say
  bool parse_special = false;  // true: "<|eot|>" in the text becomes the control token. False
                               // keeps user text from forging special tokens
  // The text follows a control token that was put there by id, so it is not the beginning of
  // a document: a model that puts a space before the first word of a document only (Metaspace
  // with prepend_scheme "first") puts none here.
  bool after_special = false;
  int threads = 1;  // for long texts; 0: every core. The ids are the same
};

// A piece of a text whose trust differs from its neighbours': a template's own words, in which
// control tokens count, and a user's, in which they do not.
struct TextPart {
  std::string_view text;
  bool parse_special = false;
};

class LATHE_API Tokenizer {
 public:
  // Throws kInvalid (malformed; a text could give ids beyond the model's rows), kUnsupported (a
  // normalizer, pre-tokenizer, ... by name), kLimit.
  static std::shared_ptr<const Tokenizer> create(const TokenizerFiles& files);
  virtual ~Tokenizer();

  // Throws kInvalid where the vocabulary has no token for a part of the text, and none for what is
  // unknown; kLimit where the file's rules make too much of the text.
  virtual std::vector<TokenId> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const = 0;
  // `options.parse_special` is ignored: each part has its own.
  virtual std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                            const EncodeOptions& options = {}) const = 0;
  // Each text on its own, `options.threads` at a time.
  std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts,
                                                 const EncodeOptions& options = {}) const;
  // The text of a sequence of ids; control tokens are left out unless `keep_special`. Ids beyond
  // the vocabulary and the model's rows throw kInvalid.
  virtual std::string decode(std::span<const TokenId> ids, bool keep_special = false) const = 0;

  virtual std::int64_t vocab_size() const noexcept = 0;
  // The token as its file spells it ("▁the", "Ġthe", "<0x0A>").
  virtual std::string piece(TokenId id) const = 0;
  virtual std::optional<TokenId> token_id(std::string_view piece) const = 0;
  virtual bool is_special(TokenId id) const noexcept = 0;
  virtual std::optional<TokenId> bos() const noexcept = 0;
  virtual std::optional<TokenId> eos() const noexcept = 0;
  // True when encode(add_special) puts BOS first.
  virtual bool adds_bos() const noexcept = 0;
  // Jinja source, empty when the model has none.
  virtual const std::string& chat_template() const noexcept = 0;
  // What its user should know: sentences on what the files leave open.
  virtual const std::vector<std::string>& warnings() const noexcept;

  // Decoding as ids arrive: push() returns what can be shown so far, whole UTF-8 characters
  // only; finish() returns what is left (invalid bytes as U+FFFD).
  class LATHE_API Stream {
   public:
    virtual ~Stream();
    virtual std::string push(TokenId id) = 0;
    virtual std::string finish() = 0;
  };
  // The text that follows `context` (the prompt's ids), so that the first piece keeps or
  // loses its leading space as the whole decoded text would.
  virtual std::unique_ptr<Stream> stream(std::span<const TokenId> context) const = 0;
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
