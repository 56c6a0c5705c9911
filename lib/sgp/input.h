// The bytes of a data file: standard input, a file or a pipe, unpacked when it is zstd, counted
// and summed up as they pass.
//
// Errors: kIo, kInvalid and kLimit (zstd; more than kSgpMostBytes). Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/zstd_stream.h"

namespace lathe {

class SgpInput {
 public:
  // "-" is standard input.
  explicit SgpInput(const std::string& path);
  ~SgpInput();
  SgpInput(const SgpInput&) = delete;
  SgpInput& operator=(const SgpInput&) = delete;

  // Unpacked bytes, from where reading stands. Lives as long as this object.
  ByteSource source();
  // The first byte that is no space, still to be read; nothing when there is none close by.
  std::optional<char> first_letter();
  // 16 hexadecimal digits of what was read.
  std::string checksum() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lines of such a source, of bounded length.
class ByteLines {
 public:
  struct Line {
    std::string text;       // without "\n" or "\r\n"
    bool too_long = false;  // `text` is empty then
    bool ended = true;      // false: the text ended without a newline
  };

  ByteLines(ByteSource source, std::uint64_t most_bytes);
  // The next line; nothing at the end. "a\nb" has two lines, "a\n" one, "" none.
  std::optional<Line> next();

 private:
  ByteSource source_;
  std::uint64_t most_bytes_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace lathe
