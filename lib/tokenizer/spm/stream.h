// Decoding sentencepiece ids one at a time; decode() is the same run to its end.
//
// Byte pieces are held back until they make a character. An invalid byte becomes U+FFFD, as
// in the library. The first piece of a text loses the space mark that encoding put there.
#pragma once

#include <string>

#include "lathe/tokenizer.h"

#include "tokenizer/spm/tokenizer.h"

namespace lathe {

class SpmStream final : public Tokenizer::Stream {
 public:
  SpmStream(const SpmTokenizer& tokenizer, bool keep_special) noexcept
      : tokenizer_(tokenizer), keep_special_(keep_special) {}

  std::string push(TokenId id) override {
    std::string out;
    append(id, out);
    return out;
  }
  std::string finish() override {
    std::string out;
    flush(out);
    return out;
  }

  void append(TokenId id, std::string& out);
  void flush(std::string& out);

 private:
  void flush_bytes(bool all, std::string& out);

  const SpmTokenizer& tokenizer_;
  bool keep_special_;
  bool at_start_ = true;  // no text yet, and no space mark swallowed
  std::string bytes_;     // of byte pieces, not yet a whole character
};

}  // namespace lathe
