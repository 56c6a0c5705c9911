// Whether two forms of one tokenizer agree, by trying them.
#include <array>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/gguf_forms.h"

namespace lathe {
namespace {

constexpr std::array<std::string_view, 14> kTexts{
    "",
    "Hello world",
    " leading",
    "trailing ",
    "  two  blanks ",
    "one\ntwo\n\nthree\ttab\r\n",
    "I'm sure WE'LL see: 12345 is 3.14 times (a+b)*c;",
    "na\xc3\xafve cafe\xcc\x81 caf\xc3\xa9",
    "\xe6\xb2\xb3\xe6\xb0\xb4\xe3\x81\xae \xd0\x9c\xd0\xb8\xd1\x80 "
    "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85",
    "\xf0\x9f\x98\x80\xe2\x80\x8d\xf0\x9f\x91\xa9",
    "\xe2\x96\x81marked \xe2\x96\x81",
    "<s>text</s>",
    "snake_case CamelCase x=1",
    "\n\n\n\n\n"};

// More than these tell nothing new.
constexpr std::size_t kMaxTokens = 10000;

class Comparison {
 public:
  Comparison(const TokenizerFiles& one, const TokenizerFiles& two)
      : one_(Tokenizer::create(one)), two_(Tokenizer::create(two)), file_(one.origin) {}

  void compare(std::string_view text) const {
    for (const bool special : {false, true}) {
      const EncodeOptions options{.parse_special = special};
      if (ids(*one_, text, options) == ids(*two_, text, options)) continue;
      fail_unsupported("{}: in the other form of the tokenizer the text {} would become other ids",
                       quoted(file_), quoted(text));
    }
  }

 private:
  // None for a text that cannot be encoded.
  static std::optional<std::vector<TokenId>> ids(const Tokenizer& tokenizer, std::string_view text,
                                                 const EncodeOptions& options) {
    try {
      return tokenizer.encode(text, options);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  std::shared_ptr<const Tokenizer> one_, two_;
  const std::string& file_;
};

}  // namespace

void require_same_ids(const TokenizerFiles& one, const TokenizerFiles& two,
                      const GgufVocabulary& gguf) {
  const Comparison both(one, two);
  for (const std::string_view text : kTexts) both.compare(text);
  std::size_t tried = 0;
  for (std::size_t i = 0; i < gguf.types.size() && tried < kMaxTokens; ++i) {
    if (gguf.types[i] < 2 || gguf.types[i] > 4) continue;
    const std::string& token = gguf.tokens[i];
    both.compare(token + " the" + token + "a" + token + token + " " + token + "\n" + token);
    both.compare("word" + token + "word " + token + " word, " + token + ".");
    ++tried;
  }
}

}  // namespace lathe
