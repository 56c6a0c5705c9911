// The data part of a container file, written in the file's order: what the GGUF and the
// safetensors writer share.
//
// Places are known before the first byte; zeros fill what lies between them. Bytes arrive in
// pieces of any size, a tensor at a time, so that memory stays bounded. Not thread-safe.
// Errors: kIo from the file; kBug when the caller's bytes do not add up to its tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lathe/host/output_file.h"

#include "container/tensor_entry.h"

namespace lathe {

class TensorStream {
 public:
  struct Place {
    std::string name;  // for messages
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  // Adds the place of a tensor, or those of its parts.
  static void add_places(const TensorSpec& tensor, std::uint64_t offset, std::uint64_t bytes,
                         std::vector<Place>& places);

  // `places` in increasing order of offset; the file has what comes before the first.
  TensorStream(ByteOutput& out, std::vector<Place> places);

  // The next bytes of the current tensor, which they must not pass. A full tensor is left at
  // once, and tensors without bytes are passed over.
  void append(std::span<const std::byte> bytes);
  // Where the current tensor stands.
  const Place& current() const;
  // The current tensor is in the output already, whole: passes over it.
  void keep();
  // Throws unless every tensor is complete; fills up to `end`.
  void finish(std::uint64_t end);

 private:
  void pad_to(std::uint64_t offset);
  void skip_empty();

  ByteOutput& out_;
  std::vector<Place> places_;
  std::size_t current_ = 0;
  std::uint64_t written_ = 0;  // of the current tensor
};

}  // namespace lathe
