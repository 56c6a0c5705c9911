// JSON documents: accepted here, accepted by the library underneath, and the same.
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto text = fuzz::text_of(data, size);
  fuzz::expect_no_bug([&] {
    const nlohmann::json document = parse_json(text, "fuzz");
    if (document != nlohmann::json::parse(text)) std::abort();
  });
  return 0;
}
