// Writing a safetensors file: header, then tensors streamed in order.
//
//   SafetensorsWriter writer(out, tensors, metadata, options);  // writes the header
//   writer.append(bytes) ...         // each tensor's bytes, in pieces, in the order given
//   writer.finish();                 // or finish(metadata); out.commit() is the caller's
//
// Alignment. The format allows no gaps, but spaces may follow the header's JSON: they bring
// the data to a multiple of `data_alignment`. Where `tensor_alignment` is more than 1, a tensor of
// zeros named "__pad.N__" (see safetensors_padding.h) follows each tensor that does not end on
// a multiple of it; the last tensor needs none. The native file uses 4096 and 64.
//
// Metadata that is known only at the end (checksums): give values of the same length
// at construction, and the final ones to finish(), which writes the header again in place; that
// needs an output that can seek. Not thread-safe.
//
// Errors: kUnsupported for types that the format lacks (ggml's blocks), kInvalid for bad or
// repeated names and metadata that is not UTF-8, kLimit for a header over 100 MB, kBug when
// the bytes do not add up or the final header does not fit, kIo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/host/output_file.h"

#include "container/tensor_entry.h"
#include "container/tensor_stream.h"

namespace lathe {

struct SafetensorsOptions {
  std::uint64_t data_alignment = 8;
  std::uint64_t tensor_alignment = 1;  // at most 64
};

class SafetensorsWriter {
 public:
  SafetensorsWriter(ByteOutput& out, std::span<const TensorSpec> tensors,
                    const std::map<std::string, std::string>& metadata,
                    const SafetensorsOptions& options = {});

  void append(std::span<const std::byte> bytes) { stream_->append(bytes); }
  void finish();
  void finish(const std::map<std::string, std::string>& metadata);

  // The current tensor is in the output already (TensorStream::keep).
  void keep() { stream_->keep(); }
  const TensorStream::Place& current() const { return stream_->current(); }

  // As it was written at construction.
  const std::string& header() const noexcept { return written_header_; }
  // Where the tensor will stand in the file.
  std::uint64_t tensor_offset(std::size_t tensor) const noexcept { return offsets_[tensor]; }
  // The file's size when it is finished.
  std::uint64_t file_size() const noexcept { return file_size_; }

 private:
  // Length field, JSON and spaces up to `size` (0: up to the data's alignment).
  std::string header(const std::map<std::string, std::string>& metadata, std::uint64_t size) const;

  ByteOutput& out_;
  SafetensorsOptions options_;
  std::string tensor_json_;  // the members after __metadata__
  std::vector<std::uint64_t> offsets_;
  std::uint64_t data_offset_ = 0;
  std::uint64_t file_size_ = 0;
  std::string written_header_;
  std::optional<TensorStream> stream_;
};

}  // namespace lathe
