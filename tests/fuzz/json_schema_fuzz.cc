// JSON schemas: read, with and without what is not enforced, and asked for the beginnings of texts.
#include "lathe/constraint.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  if (size > 4096) return 0;
  const auto text = fuzz::text_of(data, size);
  for (const bool lenient : {false, true}) {
    fuzz::expect_no_bug([&] {
      const auto grammar = Grammar::json_schema(text, "fuzz", lenient);
      for (const std::string_view sample :
           {std::string_view("{\"a\": 1"), std::string_view("[\"x\", 12.5"),
            std::string_view("\"abc")}) {
        if (grammar->match(sample).read > sample.size()) std::abort();
      }
    });
  }
  return 0;
}
