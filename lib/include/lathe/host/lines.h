// Lines of a file, of standard input or of a pipe, as they come; zstd data is decompressed (known
// by its first bytes, whatever the name).
//
// A line ends with "\n" or "\r\n", neither of which is part of it; "a\nb" has two lines, "a\n"
// one, "" none. A UTF-8 byte order mark before the first line is passed over; otherwise bytes
// are taken as they are. Memory is bounded by the longest line that is allowed.
//
// Errors: kIo (cannot be opened or read), kInvalid and kLimit (zstd data). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

struct InputLine {
  std::string_view text;    // valid until the next call
  std::uint64_t bytes = 0;  // of the whole line, also where `text` holds less
  std::uint64_t hash = 0;   // XXH3 (64 bits) of the whole line
  bool too_long = false;    // `text` holds the beginning only; the rest was passed over
  bool ended = true;        // false: the input ended without a newline
};

struct LineOptions {
  std::size_t longest = std::size_t{64} << 20;        // bytes of a line
  std::uint64_t most_bytes = std::uint64_t{1} << 40;  // of decompressed input
  // While input is awaited: once this descriptor is readable, next() returns nothing.
  int cancel_descriptor = -1;
  // Read this open descriptor from its beginning (a regular file's) or from where it is; it stays
  // the caller's, and the path is only the name for messages.
  int descriptor = -1;
};

class LATHE_API LineSource {
 public:
  // "-" is standard input.
  explicit LineSource(const std::string& path, const LineOptions& options = {});
  ~LineSource();
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  // The next line; nothing at the end, or when cancelled.
  std::optional<InputLine> next();

  // Bytes (decompressed, byte order mark included) up to the end of the last line.
  std::uint64_t offset() const noexcept;
  bool cancelled() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
