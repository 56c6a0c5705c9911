#include "archive/chunk_index.h"

#include <utility>

#include "base/byte_reader.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe::archive {

std::span<const StoredChunk> ChunkIndex::chunks(const Part& part, std::span<const std::byte> tensor,
                                                std::string_view name, const std::string& archive) {
  std::call_once(read_, [&] {
    const auto count = static_cast<std::size_t>(part.chunks());
    const std::size_t record_bytes = count * part.record_bytes();
    const std::uint64_t planes = tensor.size() - record_bytes;
    ByteReader reader(tensor.last(record_bytes), archive);
    std::vector<StoredChunk> found(count);
    std::uint64_t at = 0;
    for (StoredChunk& chunk : found) {
      chunk.offset = at;
      chunk.record.sum = reader.read<std::uint64_t>("a chunk's record");
      for (std::size_t p = 0; p < element_bytes(part.elements); ++p) {
        chunk.record.sizes[p] = reader.read<std::uint32_t>("a chunk's record");
      }
      at += chunk.record.stored_bytes();
      if (at > planes) {
        fail_invalid("{}: the tensor {} is damaged: its chunks are larger than it is",
                     quoted(archive), quoted(name));
      }
    }
    chunks_ = std::move(found);
  });
  return chunks_;
}

}  // namespace lathe::archive
