// The bytes of a plan's tensors as they flow from a checkpoint to an output.
//
// Pieces of at most 8 MB (a head's rows, where those are more): memory stays bounded, and pages of
// the source are dropped behind. Not thread-safe. Errors: kInvalid for values that do not fit the
// type asked for and for broken blocks, kIo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/row_order.h"
#include "convert/plan.h"

namespace lathe {

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
  HeadRows head_rows(const TensorInfo& info) const;
  void feed_piece(const PlannedTensor& tensor, std::int64_t first, std::int64_t count,
                  const ByteSink& sink, const ByteSink& source_sink);

  const Checkpoint& checkpoint_;
  ProgressCallback progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::vector<std::byte> raw_, converted_, permuted_;
  std::vector<float> floats_;
};

}  // namespace lathe
