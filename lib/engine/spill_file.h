// Pages of sequences that had to give way, in a file without a name.
//
// The file is made anew (an existing one is refused), opened and unlinked at once, so that it
// goes with the process however that ends. Space is given out in runs of pages and used again.
// What is read back is compared with its XXH3 checksum.
//
// Errors: the constructor throws kIo; write() and read() report failure by their result: the
// caller can always compute instead. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "io/file_descriptor.h"

namespace lathe {

struct SpillRun {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;
};

class SpillFile {
 public:
  explicit SpillFile(const std::string& path);

  // False once a write has failed: the disk is full or broken.
  bool good() const noexcept { return good_; }
  // False when it fails; nothing is kept then.
  bool write(std::span<const std::byte> bytes, SpillRun& run);
  // `out` has exactly run.bytes. False when they cannot be read or differ from what was written.
  bool read(const SpillRun& run, std::span<std::byte> out);
  void release(const SpillRun& run);

  // Seconds that it takes to write so many bytes and to read them back, as measured so far.
  double cost(std::uint64_t bytes) const noexcept;

 private:
  std::uint64_t take(std::uint64_t bytes);

  FileDescriptor file_;
  bool good_ = true;
  std::uint64_t end_ = 0;
  std::map<std::uint64_t, std::uint64_t> free_;  // offset → bytes, neighbours joined
  // Rates before anything is measured: a slow disk.
  double write_seconds_per_byte_ = 1.0 / 200e6;
  double read_seconds_per_byte_ = 1.0 / 400e6;
};

}  // namespace lathe
