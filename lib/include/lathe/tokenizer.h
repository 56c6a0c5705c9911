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
#include <utility>
#include <vector>

#include "lathe/export.h"

namespace lathe {

using TokenId = std::int32_t;

// Texts by name, in their file\'s order.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

struct TokenizerFiles;  // lathe/tokenizer_files.h

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
  // Further ones by name ("tool_use", "rag"), where the model has several.
  virtual const NamedTexts& named_chat_templates() const noexcept;
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

}  // namespace lathe
