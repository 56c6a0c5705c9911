// safetensors headers: whatever is accepted has its tensors inside the file.
#include "container/safetensors_header.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto bytes = fuzz::bytes_of(data, size);
  fuzz::expect_no_bug([&] {
    const SafetensorsHeader header = parse_safetensors(bytes, "fuzz");
    for (const TensorEntry& tensor : header.tensors) fuzz::use_tensor(tensor, bytes);
  });
  return 0;
}
