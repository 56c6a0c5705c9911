// Which tensors of a partial file are finished: what a resumed run may keep.
//
// The log stands in the partial file itself, behind the place where the finished file will
// end, and is cut off when the file is committed (lathe/output_file.h). It is text:
//
//   lathe partial 1 <XXH3-64 of the file's header as first written>
//   <XXH3-64 of a tensor's bytes> <XXH3-64 of the source up to there> <a note of the caller>
//   ... one line per finished tensor, in the file's order
//
// Nothing in it is believed unseen: the header says model, options and version; the bytes are
// compared with their sum, the source with its own. So neither kill -9 nor a power cut (which may
// lose any page) can put a wrong byte into the finished file. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/host/output_file.h"

namespace lathe {

class PartialLog {
 public:
  struct Record {
    std::string sum;     // of the tensor's bytes
    std::string source;  // of the source's weights, up to and with this tensor
    std::string note;    // one line
  };

  // Reads what an earlier run left in `file`, a partial file, and begins the log otherwise.
  // `end`: size of the finished file; `header_sum` stands for all that decides its content.
  // Throws kInvalid when the file was begun with other options or another input.
  PartialLog(OutputFile& file, const std::string& path, std::uint64_t end,
             const std::string& header_sum);

  // Tensor number `tensor` as an earlier run finished it, or nullptr.
  const Record* find(std::size_t tensor) const noexcept;
  // Forgets the record of this tensor and all behind it.
  void forget_from(std::size_t tensor);
  // Passes over the record of the next tensor, which was kept.
  void keep(std::size_t tensor);
  // The next tensor is finished.
  void add(const Record& record);

 private:
  void read(OutputFile& file, const std::string& path, std::uint64_t end,
            const std::string& first_line);

  OutputFile& file_;
  std::uint64_t at_;  // where the next line goes
  std::vector<Record> records_;
};

}  // namespace lathe
