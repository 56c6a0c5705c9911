// Where a result goes: standard output, or with -o a file that appears whole or not at all.
//
// Errors: kIo. A closed pipe throws ClosedPipe, which Tool::run turns into a quiet death by
// SIGPIPE (141 in a shell). Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "lathe/host/output_file.h"

namespace lathe::tool {

struct ClosedPipe {};

// Of the terminal at this descriptor; 80 where it does not say.
std::size_t terminal_columns(int descriptor) noexcept;

// Whether a person reads standard output. What mpirun starts has a terminal of mpirun's making
// there, which hands the bytes on to wherever its own output goes.
bool writes_to_terminal() noexcept;

class Output {
 public:
  // "-" is standard output.
  Output(const std::string& path, bool force);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Columns of the terminal that it goes to; 0 where it goes elsewhere.
  std::size_t columns() const noexcept;
  void write(std::string_view text);
  // To standard output now (a stream that is read as it goes); a file waits for finish().
  void flush();
  // Everything is written, and the file has its name. Without this call a file is discarded.
  void finish();

 private:
  void put(std::string_view text);

  std::string buffer_;                // standard output only
  bool terminal_ = false;             // it is one: nothing in a text is to act on it
  std::unique_ptr<OutputFile> file_;  // null: standard output
};

}  // namespace lathe::tool
