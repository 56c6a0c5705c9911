// Decoding BPE ids one at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"

#include "tokenizer/bpe/tokenizer.h"

namespace lathe {

// For byte-level decoders: bytes follow each other; a character is shown when it is whole.
class ByteLevelStream final : public Tokenizer::Stream {
 public:
  ByteLevelStream(const BpeTokenizer& tokenizer, std::span<const TokenId> context);
  std::string push(TokenId id) override;
  std::string finish() override;

 private:
  const BpeTokenizer& tokenizer_;
  std::string bytes_;  // not yet a whole character
};

// For any other chain of decoders: decodes the last few ids again with each new one and shows
// what is new. Text that ends in U+FFFD may be an unfinished character and waits.
class WindowStream final : public Tokenizer::Stream {
 public:
  WindowStream(const Tokenizer& tokenizer, std::span<const TokenId> context);
  std::string push(TokenId id) override;
  std::string finish() override;

 private:
  std::string advance(bool all);

  const Tokenizer& tokenizer_;
  std::vector<TokenId> window_;
  std::size_t shown_ = 0;  // ids of the window whose text has been shown
  bool whole_ = true;      // what was shown ends with a whole character
};

}  // namespace lathe
