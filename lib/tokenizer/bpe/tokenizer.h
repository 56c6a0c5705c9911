// Tokenizer over a BPE model with the pipeline of tokenizer.json around it:
//
//   text ─ added tokens ─ normalizer ─ normalized added tokens ─ pre-tokenizer ─ BPE ─ ids
//
// GGUF's "gpt2" vocabularies are put into the same form (gguf_bpe.cc).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe/model.h"
#include "tokenizer/decoder.h"
#include "tokenizer/named_tokens.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/parallel_encode.h"
#include "tokenizer/pre_tokenizer.h"

namespace lathe {

struct BpeParts {
  BpeSpec model;
  std::unique_ptr<const Normalizer> normalizer;  // or nothing
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  std::vector<AddedToken> added;
  std::vector<TokenId> prefix, suffix;  // what add_special puts around a text
  std::optional<TokenId> bos, eos;
  bool longest_first = false;    // how added tokens are matched (added_tokens.h)
  std::vector<TokenId> no_text;  // tokens that decode to nothing: unused ones of GGUF
  std::vector<std::string> warnings;
  std::string chat_template;
  NamedTexts named_chat_templates = {};
  NamedTexts named_tokens = {};  // "pad_token" and its text (named_tokens.h)
};

class BpeTokenizer final : public Tokenizer, public HasNamedTokens {
 public:
  // `rows`: of the model's embedding, -1 where it is not known.
  BpeTokenizer(BpeParts parts, std::int64_t rows, const std::string& file);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                    const EncodeOptions& options) const override;
  std::string decode(std::span<const TokenId> ids, bool keep_special) const override;
  std::int64_t vocab_size() const noexcept override;
  std::string piece(TokenId id) const override;
  std::string token_bytes(TokenId id) const;  // see tokenizer/token_bytes.h
  std::optional<TokenId> token_id(std::string_view piece) const override;
  bool is_special(TokenId id) const noexcept override;
  std::optional<TokenId> bos() const noexcept override { return parts_.bos; }
  std::optional<TokenId> eos() const noexcept override { return parts_.eos; }
  bool adds_bos() const noexcept override;
  const std::string& chat_template() const noexcept override { return parts_.chat_template; }
  const NamedTexts& named_chat_templates() const noexcept override {
    return parts_.named_chat_templates;
  }
  const NamedTexts& named_tokens() const noexcept override { return parts_.named_tokens; }
  const std::vector<std::string>& warnings() const noexcept override { return parts_.warnings; }
  std::unique_ptr<Stream> stream(std::span<const TokenId> context) const override;

  // Byte-level decoders only: appends the token's bytes. Added tokens are literal text, even
  // where their characters could be read as bytes.
  void append_bytes(TokenId id, bool keep_special, std::string& out) const;

 private:
  struct Scratch {
    RegexScratch regex;
    BpeModel::Scratch model;
  };

  const std::string& token(TokenId id) const;  // throws kInvalid
  // The token as it is decoded: an added token that is matched after normalization shows its
  // normalized text, as the original does; an unused one shows nothing.
  const std::string& shown_token(TokenId id) const;
  std::vector<TokenId> encode_trusted(std::string_view text, std::span<const TextRange> trusted,
                                      const EncodeOptions& options) const;
  void encode_words(std::string_view text, bool at_start, int threads,
                    std::vector<TokenId>& out) const;
  void encode_scanned(std::string_view text, bool at_start, int threads,
                      std::vector<TokenId>& out) const;
  void encode_cut(std::string_view text, bool at_start, int threads,
                  std::vector<TokenId>& out) const;
  bool cuts_in_parallel() const noexcept;

  BpeParts parts_;
  std::int64_t rows_;
  std::vector<bool> special_, literal_;                  // by id
  std::unordered_map<TokenId, std::string> shown_text_;  // where it is not the token
  std::unique_ptr<const BpeModel> model_;
  AddedTokens added_, added_normalized_;
  mutable ScratchPool<Scratch> scratch_;
};

// From tokenizer.json (with the files beside it) or a GGUF "gpt2" vocabulary.
std::shared_ptr<const Tokenizer> create_bpe_tokenizer(const TokenizerFiles& files);
BpeParts bpe_parts_from_json(const TokenizerFiles& files);
BpeParts bpe_parts_from_gguf(const TokenizerFiles& files);

}  // namespace lathe
