// Reading the input: the whole of a file or of standard input, or line by line.
//
// "-" is standard input. Bytes are taken as they are. Errors: kIo (cannot be read), kLimit
// (more than fits into memory). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lathe::tool {

// At most a quarter of the available memory.
std::string read_all(const std::string& path);

struct Line {
  std::string_view text;  // without "\n" or "\r\n"; valid until the next call
  bool too_long = false;  // text holds the beginning only; the rest was skipped
  bool ended = true;      // false: the file ended without a newline
};

class LineReader {
 public:
  explicit LineReader(const std::string& path, std::size_t max_line = std::size_t{64} << 20);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line; nothing at the end. "a\nb" has two lines, "a\n" one, "" none.
  std::optional<Line> next();

 private:
  bool fill();

  std::string name_;
  int fd_ = -1;
  std::size_t max_line_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not given out yet
  bool at_end_ = false;
};

}  // namespace lathe::tool
