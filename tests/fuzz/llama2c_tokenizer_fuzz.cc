// tokenizer.bin of llama2.c: whatever is accepted is a sentencepiece model that loads.
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    for (const std::int64_t vocab : {std::int64_t{-1}, std::int64_t{512}}) {
      const auto files = from_llama2c_tokenizer(fuzz::bytes_of(data, size), vocab, "fuzz");
      const auto tokenizer = Tokenizer::create(files);
      tokenizer->decode(tokenizer->encode("Once upon a time \xc3\xa9\xff"));
    }
  });
  return 0;
}
