// LoRA adapters in PEFT's layout: [u16: bytes of adapter_config.json] its text, then
// adapter_model.safetensors. What an accepted one says is a whole pair of matrices of numbers, and
// a model that it fits can be adapted.
#include <cmath>
#include <string>

#include "lathe/lora.h"

#include "fuzz_input.h"
#include "support/random_checkpoint.h"
#include "support/temp_folder.h"

namespace {

using namespace lathe;

void check(const LoraPair& pair) {
  if (pair.rank < 1 || pair.in < 1 || pair.out < 1 || !std::isfinite(pair.scale) ||
      pair.a.size() != static_cast<std::size_t>(pair.rank * pair.in) ||
      pair.b.size() != static_cast<std::size_t>(pair.out * pair.rank)) {
    std::abort();
  }
  for (const auto* part : {&pair.a, &pair.b}) {
    for (const float x : *part) {
      if (!std::isfinite(x)) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TempFolder folder;
  static const auto base = random_checkpoint(small_config()).make();
  if (size < 2) return 0;
  const std::string_view bytes = fuzz::text_of(data + 2, size - 2);
  const std::size_t said = static_cast<std::size_t>(data[0]) | static_cast<std::size_t>(data[1])
                                                                   << 8;
  const std::string_view config = bytes.substr(0, said);
  folder.write("adapter_config.json", config);
  folder.write("adapter_model.safetensors", bytes.substr(config.size()));
  fuzz::expect_no_bug([] {
    const auto adapter = LoraAdapter::open(folder.path());
    for (const auto& [name, pair] : adapter->pairs()) check(pair);
    const auto adapted = merge_lora(base, adapter);
    std::vector<float> row;
    for (std::size_t i = 0; i < adapted->tensors().size(); ++i) {
      const TensorInfo& info = adapted->tensors()[i];
      row.resize(static_cast<std::size_t>(info.cols()));
      adapted->read_rows_f32(i, info.rows() - 1, 1, row);
    }
  });
  return 0;
}
