#include "eval/scheme_trials.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "quant/quantize_matrix.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

// Of a group: enough for an error within some percent.
constexpr std::int64_t kRows = 128, kLeastRows = 16;
constexpr std::size_t kMatrices = 8;

// Evenly spaced rows.
std::vector<float> some_rows(const Checkpoint& checkpoint, std::size_t tensor, std::int64_t count) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  std::vector<float> out(static_cast<std::size_t>(count * info.cols()));
  for (std::int64_t i = 0; i < count; ++i) {
    checkpoint.read_rows_f32(tensor, i * info.rows() / count, 1,
                             std::span(out).subspan(static_cast<std::size_t>(i * info.cols()),
                                                    static_cast<std::size_t>(info.cols())));
  }
  return out;
}

MatrixError error_of(const Checkpoint& checkpoint, std::size_t tensor, const PackedScheme& scheme,
                     std::int64_t most, std::span<const float> importance, ThreadPool& pool) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  const std::int64_t count = std::min(most, info.rows());
  const std::vector<float> rows = some_rows(checkpoint, tensor, count);
  MatrixSource source;
  source.rows = count;
  source.cols = info.cols();
  source.raw = std::as_bytes(std::span(rows));
  source.read = [&](std::int64_t first, std::int64_t n, std::span<float> out) {
    std::copy_n(rows.begin() + first * info.cols(), n * info.cols(), out.begin());
  };
  std::vector<std::byte> packed(packed_bytes(scheme, count, info.cols()).value());
  return quantize_matrix(scheme, source, {importance, nullptr}, pool, packed);
}

}  // namespace

SchemePlan scheme_plan(const QuantizeReport& report) {
  SchemePlan out;
  for (const QuantizedTensor& tensor : report.tensors) out.emplace(tensor.name, tensor);
  return out;
}

MatrixGroups matrix_groups(const Checkpoint& checkpoint, const SchemePlan& plan) {
  MatrixGroups out;
  for (std::size_t t = 0; t < checkpoint.tensors().size(); ++t) {
    const TensorInfo& info = checkpoint.tensors()[t];
    const auto found = plan.find(info.name);
    if (found == plan.end() || !packed_scheme_by_name(found->second.scheme)) continue;
    TensorId id = info.id;
    id.expert = -1;
    out[id].push_back(t);
  }
  return out;
}

std::optional<SchemeTrial> try_scheme(const Checkpoint& checkpoint, const SchemePlan& plan,
                                      const std::vector<std::size_t>& group,
                                      const std::map<std::string, std::vector<float>>& importance,
                                      ThreadPool& pool) {
  const std::size_t tried = std::min(group.size(), kMatrices);
  const std::int64_t rows =
      std::max(kLeastRows, kRows / static_cast<std::int64_t>(tried) / kLeastRows * kLeastRows);
  SchemeTrial out;
  double signal = 0.0, error = 0.0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::string& name = checkpoint.tensors()[group[i]].name;
    const QuantizedTensor& tensor = plan.at(name);
    const auto scheme = packed_scheme_by_name(tensor.scheme);
    if (!scheme) return std::nullopt;
    out.scheme = *scheme;
    out.bytes += tensor.bytes;
    if (i % (group.size() / tried) != 0) continue;
    const auto known = importance.find(name);
    const std::span<const float> weights =
        known == importance.end() ? std::span<const float>() : known->second;
    const MatrixError lost = error_of(checkpoint, group[i], *scheme, rows, weights, pool);
    signal += lost.signal;
    error += lost.error;
  }
  out.noise = signal > 0.0 ? error / signal : 0.0;
  return out;
}

}  // namespace lathe
