// The matrices of a Hugging Face folder that came quantized, in the list of its tensors.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_reader.h"

namespace lathe {

// Puts each matrix in the place of its parts, under its own name. `config_text`: of the folder's
// config.json. Gives the bytes of the parts, by name. Nothing happens in a folder in floats. Throws
// as find_foreign().
std::map<std::string, std::uint64_t> join_foreign(const FileSet& folder,
                                                  std::string_view config_text,
                                                  const SafetensorsReader& file,
                                                  std::vector<FoundTensor>& found);

// Takes out biases of such matrices that are all zeros and that no slot asks for: some programs
// write them for every matrix.
void drop_zero_biases(const SafetensorsReader& file, std::span<const TensorSlot> slots,
                      std::vector<FoundTensor>& found);

// What kRoundedMatrices says of the matrices of `found`; empty: nothing.
std::string foreign_loss(std::span<const FoundTensor> found);

}  // namespace lathe
