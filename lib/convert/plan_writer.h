// A file that is written tensor by tensor, as a plan says (write_pass.h): what its writers share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/checksum.h"
#include "container/tensor_stream.h"

namespace lathe {

// A file under way: its header at construction, then the plan's tensors in order, each appended
// in pieces and ended, or kept (it is there already), then what comes after them.
class PlanWriter {
 public:
  virtual ~PlanWriter() = default;

  void append(std::span<const std::byte> bytes);
  std::string end_tensor();  // its checksum
  void keep_tensor(const std::string& sum);
  // `source`: checksum of the source's weights.
  virtual void finish(const std::string& source) = 0;

  // Where the tensor at hand stands.
  virtual const TensorStream::Place& current() const = 0;
  virtual const std::string& header() const = 0;  // as first written
  virtual std::uint64_t file_size() const = 0;    // at the end

 protected:
  virtual void put(std::span<const std::byte> bytes) = 0;
  virtual void keep() = 0;

  std::string sums_;  // of the tensors so far, each with a space behind

 private:
  Checksum sum_;
};

}  // namespace lathe
