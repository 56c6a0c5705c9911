// One pass over a checkpoint's tensors that writes any number of files.
//
// Each tensor of the source is read, and brought to every output, before the next; what is
// made (quantized) is written by a second thread, piece after piece, while more is being made.
// All plans must
// have the tensors in the same order, which is that of tensor_slots().
//
// A partial output (OutputOptions::partial) logs what is finished, and with `resume` keeps what
// an earlier run finished. Errors: kInvalid when a partial file belongs to something else; what
// the makers and the files throw. Nothing is committed unless all outputs are whole.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lathe/host/output_file.h"

#include "convert/plan.h"

namespace lathe {

struct PassOutput {
  const Plan* plan = nullptr;
  const ConvertOptions* options = nullptr;  // a format of files, and recipe
  std::string path;                         // for messages
  ByteOutput* out = nullptr;
  OutputFile* file = nullptr;  // `out`, when it is to be committed
  // What a resumed run should know of a finished tensor, in one line, and back.
  std::function<std::string(std::size_t tensor)> note;
  std::function<void(std::size_t tensor, std::string_view note)> restore;
};

// Called after each tensor of each output; only to look.
using AfterTensor = std::function<void(std::size_t output, const PlannedTensor& tensor)>;

// Returns the checksum of the source's weights.
std::string write_in_one_pass(const Checkpoint& checkpoint, std::span<PassOutput> outputs,
                              const ProgressCallback& progress, const AfterTensor& after = {});

}  // namespace lathe
