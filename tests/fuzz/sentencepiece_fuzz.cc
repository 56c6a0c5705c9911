// sentencepiece models: whatever is accepted goes through the library and our own encoder.
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "fuzz_input.h"
#include "tokenizer/spm/library.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    TokenizerFiles files;
    files.sentencepiece_model = fuzz::text_of(data, size);
    files.origin = "fuzz";
    const auto tokenizer = Tokenizer::create(files);
    const SpmLibrary library(parse_spm_model(files.sentencepiece_model, "fuzz"), "fuzz");
    for (const std::string_view text :
         {"", "it's 1 \xc3\xa9\n\n <s>", "\xff\xe2\x96\x81 a", "    "}) {
      std::vector<TokenId> ids;
      library.encode(text, ids);
      library.decode(ids);
      for (const TokenId id : tokenizer->encode(text, {.parse_special = true})) {
        if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
      }
      tokenizer->decode(ids);
    }
    to_gguf(files);
  });
  return 0;
}
