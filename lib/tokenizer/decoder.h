// Decoders of tokenizer.json: token texts in, text out.
//
// Supported: ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, Sequence; others throw
// kUnsupported by name. Without a decoder tokens are joined by spaces, as the original does.
// Immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tokenizer/json_pattern.h"

namespace lathe {

struct DecoderStep {
  enum class Kind : std::uint8_t { kByteLevel, kByteFallback, kFuse, kStrip, kReplace, kMetaspace };
  Kind kind = Kind::kFuse;
  TextPattern pattern;  // Replace
  std::string content;  // Replace: what is put in; Strip: the character; Metaspace: the mark
  std::int64_t start = 0, stop = 0;  // Strip: at most so many on either side
  bool drop_first = false;           // Metaspace: the first token's marks are no spaces
};

class Decoder {
 public:
  void add(const JsonView& value, const std::string& file);
  void add(DecoderStep step) { steps_.push_back(std::move(step)); }

  bool empty() const noexcept { return steps_.empty(); }
  // Bytes simply follow each other: text can be shown as soon as characters are whole.
  bool is_byte_level() const noexcept {
    return steps_.size() == 1 && steps_[0].kind == DecoderStep::Kind::kByteLevel;
  }

  // The byte that a token stands for, -1 where it is a text.
  int byte_of(const std::string& token) const noexcept;
  // Throws kLimit when the text becomes many times as long as its tokens.
  std::string decode(std::vector<std::string> tokens) const;

 private:
  std::vector<DecoderStep> steps_;
};

}  // namespace lathe
