// What llama.cpp's importance matrices say, as it names and sums it, brought to matrices of ours.
//
// An entry of a matrix with experts holds their inputs one expert after the other. How many there
// are follows from the counts, of which each has its own; where one count is for all (the older
// form), from the layer's router, whose entry has as many values as the experts' matrices have
// inputs. There, an expert that met nothing has ones, which no sum of squares is.
//
// Matrices that read the same input, and stand in one tensor in some files, have one entry there:
// each of them gets its values.
#pragma once

#include <string>
#include <vector>

#include "lathe/importance.h"

namespace lathe {

struct ImatrixEntry {
  std::string name;            // of GGUF: "blk.0.attn_q.weight"
  std::vector<float> sums;     // Σ x² per input, by counts
  std::vector<double> counts;  // 0 or more; one, or one per expert
};

// Matrices that saw nothing, and names that no model here has, are left out. Throws kInvalid where
// values are negative or not finite, where experts cannot be told apart, or nothing is known.
ImportanceMatrix assemble_imatrix(std::vector<ImatrixEntry> entries, const std::string& path);

}  // namespace lathe
