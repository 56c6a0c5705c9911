// Grammars in GBNF: read, compiled, and asked for the beginnings of texts.
#include "lathe/constraint.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  if (size > 4096) return 0;
  const auto text = fuzz::text_of(data, size);
  fuzz::expect_no_bug([&] {
    const auto grammar = Grammar::gbnf(text, "fuzz");
    // What a grammar reads of its own text, and of other beginnings.
    for (const std::string_view sample :
         {text.substr(0, 64), std::string_view("{\"a\": [1, 2"),
          std::string_view("aaaaaaaaaaaaaaaa"), std::string_view()}) {
      if (grammar->match(sample).read > sample.size()) std::abort();
    }
  });
  return 0;
}
