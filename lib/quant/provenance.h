// What a quantized file says of how it was made, and whether it is what a command would make.
//
// Errors: those of opening the file (kInvalid, kIo). Thread-safe.
#pragma once

#include <string>

#include "lathe/checkpoint.h"

#include "convert/plan.h"

namespace lathe {

struct Provenance {
  CheckpointFormat format = CheckpointFormat::kLathe;
  std::string recipe;  // empty: quantize did not make it
  std::string source_sum;
  std::string source_name;
};

Provenance read_provenance(const std::string& file);

// Checksum of the weights that a plan reads, as the files made from them hold it.
std::string sum_of_source(const Checkpoint& checkpoint, const Plan& plan);

// Whether `file` is the finished output of a recipe, of weights with that sum. Where the format has
// checksums the whole file is compared with them; what cannot be read is nothing finished.
bool is_finished_output(const std::string& file, CheckpointFormat format, const std::string& recipe,
                        const std::string& source_sum);

}  // namespace lathe
