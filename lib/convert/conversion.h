// The parts of convert() and quantize(): a plan of what is written, the stream of each tensor's
// bytes, and the writers of the formats (write_pass.h brings them together).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/convert.h"

#include "base/checksum.h"
#include "container/tensor_entry.h"
#include "container/tensor_stream.h"

namespace lathe {

using ByteSink = std::function<void(std::span<const std::byte>)>;

struct PlannedTensor {
  std::size_t source = 0;   // index into the checkpoint's tensors
  TensorSpec out;           // as the target's writer is given it
  DType to = DType::kF32;   // out.dtype, or the block type that out holds as bytes
  bool interleave = false;  // rows go from half to interleaved order
  std::uint64_t bytes = 0;
  // Where the bytes come from when not from the source (quantize): gives the sink all of them,
  // piece after piece, in rows of the source's order. The pieces stay valid until the next call
  // but one, of any tensor of the pass.
  std::function<void(const ByteSink& sink)> make;
  std::string scheme;  // of a packed matrix, for the metadata
};

struct Plan {
  std::vector<PlannedTensor> tensors;     // in the output's order
  DType main_type = DType::kF32;          // of most bytes of matrices
  std::vector<std::string> vector_types;  // GGUF: gguf_keys::kVectorTypes
  std::vector<std::string> notes;
  std::string source_name;  // for the file's provenance; empty: the last part of the path
};

// Throws kUsage when `output` is the file or folder that is being read: an output that takes its
// place, even one that was forced to, could not be made again.
void refuse_own_input(const Checkpoint& checkpoint, const std::string& output);

// Throws where the target cannot hold a tensor.
Plan make_plan(const Checkpoint& checkpoint, const ConvertOptions& options);

// Feeds the tensors that are not made through, in pieces.
class TensorFeeder {
 public:
  // Progress is in bytes of the source, each counted `passes` times.
  TensorFeeder(const Checkpoint& checkpoint, const ProgressCallback& progress,
               std::uint64_t passes = 1);

  // The tensor's bytes as planned. `source_sink`, where given, gets them as the source has them.
  void feed(const PlannedTensor& tensor, const ByteSink& sink, const ByteSink& source_sink = {});
  // The bytes as the source has them.
  void feed_source(std::size_t source, const ByteSink& source_sink);
  // Work on the tensor begins, or is done, outside of feed().
  void begin(std::size_t source);
  void end(std::size_t source);
  // Reports that all is done.
  void finish();

  // Rows of the source's tensor from half to interleaved order, in place.
  void interleave(std::size_t source, std::span<std::byte> rows, std::size_t row_bytes);

 private:
  void feed_packed(const PlannedTensor& tensor, const ByteSink& sink, const ByteSink& source_sink);
  std::int64_t head_dim_of(const TensorInfo& info) const;
  void feed_piece(const PlannedTensor& tensor, std::int64_t first, std::int64_t count,
                  const ByteSink& sink, const ByteSink& source_sink);

  const Checkpoint& checkpoint_;
  ProgressCallback progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::vector<std::byte> raw_, converted_, permuted_;
  std::vector<float> floats_;
};

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

std::unique_ptr<PlanWriter> make_lathe_writer(const Checkpoint& checkpoint, const Plan& plan,
                                              const ConvertOptions& options, ByteOutput& out);
std::unique_ptr<PlanWriter> make_gguf_writer(const Checkpoint& checkpoint, const Plan& plan,
                                             const ConvertOptions& options, ByteOutput& out);

// Writes and commits.
void write_hugging_face(const Checkpoint& checkpoint, const Plan& plan, const std::string& folder,
                        const ConvertOptions& options);

// Refuses, before anything is written, what GGUF has no key or tensor for.
void check_gguf_can_hold(const Checkpoint& checkpoint);
void check_hugging_face_can_hold(const Checkpoint& checkpoint, const Plan& plan);

}  // namespace lathe
