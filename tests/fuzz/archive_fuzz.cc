// Archives: whatever a list of files is accepted leads nowhere else and adds up, and whatever a
// chunk is decoded to stays in its room. Input: the list, a NUL, a chunk's planes.
#include "archive/chunk.h"
#include "archive/layout.h"
#include "fuzz_input.h"

namespace {

using namespace lathe;

void decode(const archive::Part& part, std::span<const std::byte> stored) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(part.bytes, 4096));
  std::vector<std::byte> out(size);
  archive::ChunkRecord record;
  std::size_t left = stored.size();
  const std::size_t planes = archive::element_bytes(part.elements);
  for (std::size_t p = 0; p < planes; ++p) {
    const std::size_t plane = p + 1 == planes ? left : std::min(left, size / planes);
    record.sizes[p] = static_cast<std::uint32_t>(plane);
    left -= plane;
  }
  archive::ChunkDecoder().decode(part.elements, record, stored, {}, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string files(text.substr(0, end));
  fuzz::expect_no_bug([&] {
    const archive::Layout layout =
        archive::read_layout({{archive::kKeyVersion, archive::kVersion},
                              {archive::kKeyFiles, files},
                              {archive::kKeySum, archive::header_sum(files, "")}},
                             "fuzz");
    for (const archive::ArchivedFile& file : layout.files) {
      std::uint64_t at = 0;
      for (const archive::Part& part : file.parts) {
        if (part.offset != at) std::abort();
        at += part.bytes;
        decode(part, fuzz::bytes_of(data, size).subspan(std::min(end + 1, size)));
      }
      if (at != file.bytes || file.name.starts_with('/')) std::abort();
    }
  });
  return 0;
}
