// config.json: what is accepted can be written, and reads back the same.
#include "checkpoint/config_json.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    const ModelConfig config = config_from_json(fuzz::text_of(data, size), "", "fuzz");
    const std::string text = config_to_json(config, DType::kF32, ConfigUse::kLathe);
    const ModelConfig again = config_from_json(text, "", "written");
    if (config_to_json(again, DType::kF32, ConfigUse::kLathe) != text) std::abort();
  });
  return 0;
}
