// Records on their way to another name: FILE.partial.new, a copy that then replaces something in
// one step. Removed unless it gets there; whoever is killed meanwhile leaves it to the next one.
//
// Errors: kIo, naming the path. Not thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/file_descriptor.h"
#include "io/partial_file.h"

namespace lathe {

// Opens a file of an unfinished run for appending, alone; throws where another process has it.
FileDescriptor open_alone(const std::string& path, PartialUse use);

class RecordCopy {
 public:
  explicit RecordCopy(std::string path);
  ~RecordCopy();
  RecordCopy(const RecordCopy&) = delete;
  RecordCopy& operator=(const RecordCopy&) = delete;

  const FileDescriptor& file() const noexcept { return file_; }
  void write(std::span<const std::byte> bytes);
  // To the disk.
  void flush();
  // Returns the file, which is still open, and locked.
  FileDescriptor rename_to(const std::string& path, bool overwrite);

 private:
  void write_buffer();

  std::string path_;
  FileDescriptor file_;
  std::vector<std::byte> buffer_;
};

}  // namespace lathe
