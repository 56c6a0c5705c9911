// The formats that are written: one row each (writers.cc). Reading them is checkpoint/formats.h.
#pragma once

#include <memory>
#include <string>

#include "lathe/convert.h"
#include "lathe/host/output_file.h"

#include "checkpoint/model_tensors.h"
#include "convert/plan.h"
#include "convert/plan_writer.h"

namespace lathe {

struct FormatWriter {
  CheckpointFormat format;
  TensorPlace TensorSlot::*place;  // what it calls its tensors, and its order of rows
  // Refuses, before anything is written, what the format has no key or tensor for: kUnsupported.
  // Null: it holds all that a plan can have.
  void (*check)(const Checkpoint& checkpoint, const Plan& plan);
  // A file that is written tensor by tensor; or null, and...
  std::unique_ptr<PlanWriter> (*make)(const Checkpoint& checkpoint, const Plan& plan,
                                      const ConvertOptions& options, ByteOutput& out);
  // ... a folder: writes all and commits.
  void (*write)(const Checkpoint& checkpoint, const Plan& plan, const std::string& folder,
                const ConvertOptions& options);
};

// Throws kUnsupported for a format that is only read.
const FormatWriter& writer_of(CheckpointFormat format);

}  // namespace lathe
