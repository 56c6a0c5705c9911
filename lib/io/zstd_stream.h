// zstd streams from and to bytes that arrive in pieces, in bounded memory.
//
// ZstdReader pulls compressed bytes from a source and hands out plain ones. Concatenated frames
// are one stream and skippable frames are passed over, as zstd(1) does; content checksums
// are compared. A frame may ask for a window of at most 2^27 bytes (128 MB: what zstd(1)
// itself takes unless told otherwise), and the caller caps the output, so that neither a
// header of a few bytes nor a bomb decides how much memory or time is taken.
//
// Errors: kInvalid, with the file and the offset of the compressed byte, for what is no
// zstd stream, cut, or corrupt; kLimit for windows and outputs over the cap; kIo from the
// source or sink. Not thread-safe.
// Source: RFC 8878; the work is libzstd's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

// Fills the front of the span and returns how much; 0 only at the end.
using ByteSource = std::function<std::size_t(std::span<std::byte>)>;
using ByteSink = std::function<void(std::span<const std::byte>)>;

// Reads a file descriptor, which stays the caller's. EINTR is handled; errors are kIo.
ByteSource read_from_descriptor(int fd, std::string name);
// Hands out `bytes`, which must outlive the source.
ByteSource read_from_memory(std::span<const std::byte> bytes);

// True when the bytes begin as a zstd or skippable frame does.
bool looks_like_zstd(std::span<const std::byte> bytes) noexcept;

class ZstdReader {
 public:
  static constexpr int kMaxWindowLog = 27;

  // `name` stands in messages. Reading past `most_output` plain bytes throws kLimit.
  ZstdReader(ByteSource source, std::string name, std::uint64_t most_output);
  ~ZstdReader();
  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;

  // Fills the front of `out` with at least one byte, or returns 0 at the stream's end.
  std::size_t read(std::span<std::byte> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One frame with a content checksum. finish() ends it; without it the frame is cut.
class ZstdWriter {
 public:
  static constexpr int kDefaultLevel = 3;

  explicit ZstdWriter(ByteSink sink, int level = kDefaultLevel);
  ~ZstdWriter();
  ZstdWriter(const ZstdWriter&) = delete;
  ZstdWriter& operator=(const ZstdWriter&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
