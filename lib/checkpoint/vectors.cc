#include "checkpoint/vectors.h"

#include <algorithm>
#include <cmath>

#include "lathe/checkpoint_parts.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::vector<float> read_vector(const Checkpoint& checkpoint, std::size_t tensor) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  std::vector<float> out(static_cast<std::size_t>(info.rows() * info.cols()));
  checkpoint.read_rows_f32(tensor, 0, info.rows(), out);
  const auto bad =
      std::find_if_not(out.begin(), out.end(), [](float x) { return std::isfinite(x); });
  if (bad != out.end()) {
    fail_invalid("{}: tensor {}: element {} is infinite or not a number", quoted(checkpoint.path()),
                 quoted(info.name), bad - out.begin());
  }
  return out;
}

}  // namespace lathe
