// Normalizers of tokenizer.json: text in, text out, before it is cut into words.
//
// Supported: Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend,
// ByteLevel. Others throw kUnsupported with their name. Input and output are valid UTF-8.
// Immutable after construction.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/regex.h"
#include "tokenizer/growth.h"

namespace lathe {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Throws kLimit when the text becomes too long, or a regex takes too long.
  void apply(std::string& text, RegexScratch& scratch) const {
    Growth growth(text.size());
    scratch.begin_text();
    step(text, scratch, growth);
  }
  virtual void step(std::string& text, RegexScratch& scratch, Growth& growth) const = 0;
};

// `value` is the "normalizer" object of tokenizer.json. Throws kLimit for too many steps.
std::unique_ptr<const Normalizer> make_normalizer(const JsonView& value, const std::string& file);

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string normal_form(std::string_view text, NormalForm form);

}  // namespace lathe
