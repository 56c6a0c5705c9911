// The parts of convert(): a plan of what is written, and the stream of each tensor's bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lathe/convert.h"

#include "container/tensor_entry.h"

namespace lathe {

struct PlannedTensor {
  std::size_t source = 0;   // index into the checkpoint's tensors
  TensorSpec out;           // as the target's writer is given it
  DType to = DType::kF32;   // out.dtype, or the block type that out holds as bytes
  bool interleave = false;  // rows go from half to interleaved order
  std::uint64_t bytes = 0;
  // Where the bytes come from when not from the source: makes all of them, in rows of the
  // source's order, in memory that stays valid until the next call (quantize).
  std::function<std::span<std::byte>()> make;
  std::string scheme;  // of a packed matrix, for the metadata
};

struct Plan {
  std::vector<PlannedTensor> tensors;     // in the output's order
  DType main_type = DType::kF32;          // of most bytes of matrices
  std::vector<std::string> vector_types;  // GGUF: gguf_keys::kVectorTypes
  std::vector<std::string> notes;
};

// Throws where the target cannot hold a tensor.
Plan make_plan(const Checkpoint& checkpoint, const ConvertOptions& options);

using ByteSink = std::function<void(std::span<const std::byte>)>;

// Feeds the tensors through, in pieces, with progress over the whole checkpoint.
class TensorFeeder {
 public:
  TensorFeeder(const Checkpoint& checkpoint, const ConvertOptions& options);

  // The tensor's bytes as planned. `source_sink`, where given, gets them as the source has them.
  void feed(const PlannedTensor& tensor, const ByteSink& sink, const ByteSink& source_sink = {});
  // Reports that all is done.
  void finish();

 private:
  void feed_made(const PlannedTensor& tensor, const ByteSink& sink, const ByteSink& source_sink);
  void feed_packed(const PlannedTensor& tensor, const ByteSink& sink, const ByteSink& source_sink);
  void feed_piece(const PlannedTensor& tensor, std::int64_t first, std::int64_t count,
                  const ByteSink& sink, const ByteSink& source_sink);
  void interleave(std::span<std::byte> rows, std::size_t row_bytes);

  const Checkpoint& checkpoint_;
  const ConvertOptions& options_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::vector<std::byte> raw_, converted_, permuted_;
  std::vector<float> floats_;
};

// The writers. Each writes, commits, and adds nothing to the report but notes.
void write_lathe(const Checkpoint& checkpoint, const Plan& plan, const std::string& path,
                 const ConvertOptions& options);
void write_gguf(const Checkpoint& checkpoint, const Plan& plan, const std::string& path,
                const ConvertOptions& options);
void write_hugging_face(const Checkpoint& checkpoint, const Plan& plan, const std::string& folder,
                        const ConvertOptions& options);

// Refuses, before anything is written, what GGUF has no key or tensor for.
void check_gguf_can_hold(const Checkpoint& checkpoint);
void check_hugging_face_can_hold(const Checkpoint& checkpoint, const Plan& plan);

}  // namespace lathe
