// Writing a file so that its name holds the whole old content or the whole new one.
//
// The bytes go to a temporary in the same folder (O_EXCL, mode 0600). commit() flushes
// and fsyncs it, gives it the mode that the umask allows (or the old file's), renames it
// over the final name (without `overwrite`: refusing to replace, atomically) and fsyncs the
// folder. Destruction without commit() removes the temporary; so does
// remove_temporary_outputs(), which is async-signal-safe and meant for INT, TERM and HUP.
//
// Errors: kIo, naming the path. Not thread-safe, except that different objects may be
// used from different threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

class LATHE_API OutputFile {
 public:
  // Fails at once (kIo) when `path` exists and `overwrite` is false, is a folder, or its
  // folder cannot be written. An existing device or FIFO (/dev/null, /dev/full, /dev/stdout)
  // is written in place, since there is nothing to protect.
  OutputFile(std::string path, bool overwrite);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Overwrites bytes that were written before (headers that are known at the end).
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Bytes written so far, without write_at.
  std::uint64_t size() const noexcept;

  // `durable` false: without the fsyncs, for what is checked when it is read and may be lost.
  void commit(bool durable = true);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Unlinks the temporaries of every OutputFile that is open. Async-signal-safe.
LATHE_API void remove_temporary_outputs() noexcept;

}  // namespace lathe
