// Tokenizer over a sentencepiece model, from tokenizer.model, GGUF or llama2.c.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/added_tokens.h"
#include "tokenizer/named_tokens.h"
#include "tokenizer/parallel_encode.h"
#include "tokenizer/spm/library.h"
#include "tokenizer/spm/merge.h"
#include "tokenizer/spm/model.h"

namespace lathe {

// Everything about the tokenizer that the sentencepiece model itself does not say.
struct SpmSettings {
  std::optional<TokenId> bos, eos;
  std::optional<TokenId> unknown, pad, eot;  // for conversions only
  bool add_bos = false;
  bool add_eos = false;
  bool longest_first = false;        // how added tokens are matched (added_tokens.h)
  bool unused_show_nothing = false;  // unused pieces decode to nothing, as in GGUF's readers
  bool prefix_after_special = true;  // a space mark after control tokens too, not just at the start
  bool prefix_if_missing = false;    // only where the text does not begin with a space itself
  std::vector<AddedToken> added;     // ids of the model's pieces, or beyond them
  std::string chat_template;
  NamedTexts named_chat_templates = {};
  NamedTexts named_tokens = {};  // "pad_token" and its text (named_tokens.h)
};

class SpmTokenizer final : public Tokenizer, public HasNamedTokens {
 public:
  // `rows`: of the model's embedding, -1 where it is not known.
  SpmTokenizer(SpmModel model, SpmSettings settings, std::int64_t rows, const std::string& file);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                    const EncodeOptions& options) const override;
  std::string decode(std::span<const TokenId> ids, bool keep_special) const override;
  std::int64_t vocab_size() const noexcept override;
  std::string piece(TokenId id) const override;
  std::string token_bytes(TokenId id) const;  // see tokenizer/token_bytes.h
  std::optional<TokenId> token_id(std::string_view piece) const override;
  bool is_special(TokenId id) const noexcept override;
  std::optional<TokenId> bos() const noexcept override { return settings_.bos; }
  std::optional<TokenId> eos() const noexcept override { return settings_.eos; }
  bool adds_bos() const noexcept override { return settings_.add_bos; }
  const std::string& chat_template() const noexcept override { return settings_.chat_template; }
  const NamedTexts& named_chat_templates() const noexcept override {
    return settings_.named_chat_templates;
  }
  const NamedTexts& named_tokens() const noexcept override { return settings_.named_tokens; }
  std::unique_ptr<Stream> stream(std::span<const TokenId> context) const override;

 private:
  friend class SpmStream;

  enum class Kind : std::uint8_t { kText, kSpecial, kUnknown, kByte, kNothing };
  struct Entry {
    std::string_view text;
    Kind kind = Kind::kNothing;
    bool literal = false;  // shown as it is spelled: a space mark is no space
  };

  Kind kind_of(const SpmPiece& piece) const noexcept;
  void place_added(const std::string& file);
  std::vector<AddedToken> matched_tokens() const;
  Entry entry(TokenId id) const;  // throws kInvalid
  std::vector<TokenId> encode_trusted(std::string_view text, std::span<const TextRange> trusted,
                                      const EncodeOptions& options) const;
  void encode_text(std::string_view text, bool prefix, int threads,
                   std::vector<TokenId>& out) const;

  SpmModel model_;
  SpmSettings settings_;
  std::int64_t rows_;
  std::vector<Kind> kinds_;          // by id
  std::vector<std::string> beyond_;  // texts of added tokens whose ids follow the pieces'
  StringTable ids_;
  AddedTokens added_;
  std::unique_ptr<SpmBpe> bpe_;  // where the model allows it; otherwise the library
  std::unique_ptr<SpmLibrary> library_, library_without_prefix_;
  mutable ScratchPool<SpmBpe::Scratch> scratch_;
};

// A sentencepiece tokenizer's files, read and resolved.
struct SpmSource {
  SpmModel model;
  SpmSettings settings;
};
SpmSource load_spm(const TokenizerFiles& files);

std::shared_ptr<const Tokenizer> create_spm_tokenizer(const TokenizerFiles& files);

}  // namespace lathe
