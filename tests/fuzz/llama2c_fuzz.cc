// llama2.c checkpoints: whatever is accepted has its tensors inside the file.
#include "container/llama2c_reader.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto bytes = fuzz::bytes_of(data, size);
  fuzz::expect_no_bug([&] {
    const Llama2cHeader header = parse_llama2c(bytes, "fuzz");
    for (const TensorEntry& tensor : header.tensors) fuzz::use_tensor(tensor, bytes);
  });
  return 0;
}
