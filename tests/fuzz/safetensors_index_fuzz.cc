// Shard indexes: no accepted shard name leaves the folder.
#include "container/safetensors_index.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    const auto index = parse_safetensors_index(fuzz::text_of(data, size), "fuzz");
    for (const auto& shard : index.shards) {
      if (shard.empty() || shard == ".." || shard.find('/') != shard.npos) std::abort();
    }
  });
  return 0;
}
