// What each matrix of a model takes in a scheme, and how much of it would be lost: bytes by plan,
// errors by quantizing some of its rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/checkpoint_parts.h"
#include "lathe/quantize.h"

#include "parallel/thread_pool.h"
#include "tensor/packed_scheme.h"

namespace lathe {

// Matrices that count as one, by role and layer: the experts of a layer. Indices of tensors.
using MatrixGroups = std::map<TensorId, std::vector<std::size_t>>;

// What quantize() plans for each tensor, by name.
using SchemePlan = std::map<std::string, QuantizedTensor>;
SchemePlan scheme_plan(const QuantizeReport& report);

// Those that a plan gives a packed scheme.
MatrixGroups matrix_groups(const Checkpoint& checkpoint, const SchemePlan& plan);

struct SchemeTrial {
  PackedScheme scheme;
  std::uint64_t bytes = 0;
  double noise = 0.0;  // Σ (w - ŵ)² / Σ w²
};

// A group as planned, or nothing where it gets no packed scheme. Errors: as quantize_matrix().
std::optional<SchemeTrial> try_scheme(const Checkpoint& checkpoint, const SchemePlan& plan,
                                      const std::vector<std::size_t>& group,
                                      const std::map<std::string, std::vector<float>>& importance,
                                      ThreadPool& pool);

}  // namespace lathe
