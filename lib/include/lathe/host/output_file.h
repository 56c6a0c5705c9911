// Writing a file so that its name holds the whole old content or the whole new one.
//
// The bytes go to a temporary in the same folder (O_EXCL, mode 0600). commit() flushes
// and fsyncs it, gives it the mode that the umask allows (or the old file's where that is no
// wider, but never setuid bits), renames it over the final name (without `overwrite`: refusing to
// replace, atomically; with it, what a link leads to is replaced, not the link) and fsyncs the
// folder. Destruction without commit() removes the temporary; so does
// remove_temporary_outputs(), which is async-signal-safe and meant for signals.
//
// Long work can ask for a partial file instead: the temporary is named NAME.partial, so that
// after a kill -9 or a power cut the next run finds it, and may take over what it trusts
// (resume). Bytes beyond what size() will be at the end are scratch room (a log, say): commit()
// cuts them off. Only one process has a partial file at a time (flock). A NAME.partial that is a
// link, another user's, or no regular file is refused: who may write into the folder may have put
// it there.
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

// Where writers of file formats put their bytes: a file, or a comparison with one.
class LATHE_API ByteOutput {
 public:
  ByteOutput() = default;
  virtual ~ByteOutput();
  ByteOutput(const ByteOutput&) = delete;
  ByteOutput& operator=(const ByteOutput&) = delete;

  virtual void write(std::span<const std::byte> bytes) = 0;
  void write(std::string_view text);
  // Overwrites bytes that were written before (headers that are known at the end).
  virtual void write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Bytes written so far, without write_at.
  virtual std::uint64_t size() const noexcept = 0;
  // Passes over bytes that are there already and right (an OutputFile's partial file).
  virtual void keep(std::uint64_t bytes);
};

struct OutputOptions {
  bool overwrite = false;
  // NAME.partial; removed on errors and signals unless `resume`. Where another process has it,
  // an unnamed temporary is used instead, or with `resume` kIo is thrown.
  bool partial = false;
  bool resume = false;
};

class LATHE_API OutputFile final : public ByteOutput {
 public:
  // Fails at once (kIo) when `path` exists and `overwrite` is false, is a folder, or its
  // folder cannot be written. An existing device or FIFO (/dev/null, /dev/full, /dev/stdout)
  // is written in place, since there is nothing to protect.
  OutputFile(std::string path, bool overwrite);
  OutputFile(std::string path, const OutputOptions& options);
  ~OutputFile() override;

  using ByteOutput::write;
  void write(std::span<const std::byte> bytes) override;
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  std::uint64_t size() const noexcept override;
  void keep(std::uint64_t bytes) override;

  // A partial file is in use: what was written so far survives kill -9.
  bool is_partial() const noexcept;
  // Bytes that an earlier run left (0: none); read_left() gives some of them.
  std::uint64_t left() const noexcept;
  void read_left(std::uint64_t offset, std::span<std::byte> out) const;
  // Forgets all that is left: nothing of it will be kept.
  void drop_left();

  // Brings all to the disk: what may still fail for want of room fails here. For sets of files that
  // are to appear together: prepare each, then commit each.
  void prepare(bool durable = true);
  // `durable` false: without the fsyncs, for what is checked when it is read and may be lost.
  void commit(bool durable = true);

 private:
  bool open_partial(bool resume);
  void open_unnamed();

  struct State;
  std::unique_ptr<State> state_;
};

// Unlinks the temporaries of every OutputFile that is open. Async-signal-safe.
LATHE_API void remove_temporary_outputs() noexcept;

}  // namespace lathe
