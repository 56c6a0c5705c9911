// FILE.partial, where the records of an unfinished run lie in the order in which they came, and
// FILE, which it becomes (lathe/host/records.h).
//
// Errors: kIo and kInvalid, naming the path. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/host/records.h"

#include "io/file_descriptor.h"
#include "io/record_scan.h"

namespace lathe {

class RecordFile {
 public:
  RecordFile(const std::string& path, const RecordLogOptions& options,
             const RecordLog::Visitor& earlier);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // What an earlier run left, by index.
  const std::vector<KnownRecord>& known() const noexcept { return known_; }
  // Where that is.
  const std::string& continued() const noexcept { return from_final_ ? path_ : partial_; }
  const std::string& partial() const noexcept { return partial_; }

  // Adds a line (with its newline) in one write: it is there whole, or cut off again.
  void append(std::uint64_t index, std::string_view line);

  // Gives the records the name FILE, by index where `ordered`.
  void finish(bool ordered);

 private:
  // While no record is in it, FILE.partial goes with the process, however that ends.
  void watch_empty();
  void keep() noexcept;
  void take_over_final();
  void open_partial(const RecordLogOptions& options, const RecordLog::Visitor& earlier);
  // Where all records are, by index; true when they lie so in the file, too.
  bool sort_places();
  void copy_to_final();
  void rename_to_final();
  void set_final_mode(const FileDescriptor& file) const;

  std::string path_, partial_;
  bool replace_ = false;     // FILE exists and may be replaced
  bool from_final_ = false;  // FILE.partial is a copy of FILE
  bool empty_ = false;       // FILE.partial holds nothing worth keeping
  FileDescriptor file_;
  std::uint64_t size_ = 0;  // of whole records
  std::vector<KnownRecord> known_;
  std::vector<RecordPlace> places_;  // of all records
};

}  // namespace lathe
