// Where the chunks of an archive's tensor lie, read from its records once: whoever goes through a
// tensor row by row asks for it as often as there are rows.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/chunk.h"
#include "archive/layout.h"

namespace lathe::archive {

struct StoredChunk {
  ChunkRecord record;
  std::uint64_t offset = 0;  // of its planes in the tensor
};

// Thread-safe.
class ChunkIndex {
 public:
  // The chunks of `part` in order; `tensor` are its bytes, planes and records. Errors: kInvalid,
  // naming `archive` and the tensor, where records tell of more bytes than there are.
  std::span<const StoredChunk> chunks(const Part& part, std::span<const std::byte> tensor,
                                      std::string_view name, const std::string& archive);

 private:
  std::once_flag read_;
  std::vector<StoredChunk> chunks_;
};

}  // namespace lathe::archive
