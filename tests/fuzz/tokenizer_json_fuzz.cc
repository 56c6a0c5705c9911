// tokenizer.json: whatever is accepted encodes and decodes, and its ids are in the vocabulary.
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    TokenizerFiles files;
    files.tokenizer_json = fuzz::text_of(data, size);
    files.origin = "fuzz";
    const auto tokenizer = Tokenizer::create(files);
    for (const std::string_view text :
         {"", "it's 1 \xc3\xa9\n\n <s>", "\xff\xe2\x96\x81 a", "    "}) {
      for (const bool special : {false, true}) {
        const auto ids = tokenizer->encode(text, {.parse_special = special});
        for (const TokenId id : ids) {
          if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
        }
        tokenizer->decode(ids, special);
        const auto stream = tokenizer->stream({});
        for (const TokenId id : ids) stream->push(id);
        stream->finish();
      }
    }
    to_gguf(files);
  });
  return 0;
}
