// One page of keys and values as a file of the cache folder: what it is, and its bytes.
//
//   offset  bytes
//        0      8  "LTHKVPG1"
//        8      4  positions of a page
//       12      4  positions that hold tokens here: fewer in the last page of a text
//       16      8  bytes of the page
//       24     16  key of the text before this page (keys: XXH3-128, little-endian)
//       40     4·p token ids, 0 past the end
//            8     XXH3-64 of all bytes before this field
//            8     XXH3-64 of the page
//   zeros up to a multiple of 4096, then the page
//
// A page's key is the hash of the key before it and its tokens; the first page's predecessor is
// the hash of what the model and the layout are. So a key names a whole text under one model,
// and comparing tokens page by page from the first compares all of it.
//
// Reading throws nothing: a file that is missing, damaged or about something else says so. Other
// processes may damage, cut or remove it at any moment, so its bytes are copied and the copy is
// checked; nothing is mapped. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "io/file_descriptor.h"

namespace lathe {

struct PageKey {
  std::array<std::uint64_t, 2> words{};
  std::string text() const;  // 32 hexadecimal digits
  friend bool operator==(const PageKey&, const PageKey&) = default;
};

PageKey page_key(std::string_view identity);
PageKey page_key(const PageKey& before, std::span<const TokenId> tokens);

// An open page file: its tokens are at hand, the page itself is still in the file.
struct PageFile {
  FileDescriptor file;
  std::vector<TokenId> tokens;
  std::uint64_t page_at = 0;  // offset of the page
  std::uint64_t checksum = 0;

  // Copies the page to `out`, of the page's size. False when that is not what was written.
  bool read_page(std::span<std::byte> out) const noexcept;
};

// kForeign: no link is followed, and a file that anybody but this user and root may have written
// (io/foreign_hand.h) is not read: the checksums tell damage, not forgery.
enum class PageFileState { kGood, kMissing, kDamaged, kForeign };

// Opens a page that follows `before`, without looking at the page's own bytes.
PageFileState open_page(const std::string& path, const PageKey& before, std::int64_t page_tokens,
                        std::size_t page_bytes, PageFile& out);

// Bytes of such a file.
std::uint64_t page_file_bytes(std::int64_t page_tokens, std::size_t page_bytes) noexcept;

// Writes one, atomically and readable by its owner only; without fsync, since it is checked when
// it is read. A writer that is killed leaves nothing (but a `.tmp.` where the file system has no
// O_TMPFILE). Throws kIo.
void write_page(const std::string& path, const PageKey& before, std::int64_t page_tokens,
                std::span<const TokenId> tokens, std::span<const std::byte> page);

}  // namespace lathe
