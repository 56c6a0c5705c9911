#include "calibrate/readers.h"

#include <algorithm>

#include "base/fail.h"

namespace lathe {

std::vector<TensorRole> readers_of(ActivationPoint point) {
  switch (point) {
    case ActivationPoint::kAttentionInput:
      return {TensorRole::kQuery, TensorRole::kKey, TensorRole::kValue};
    case ActivationPoint::kAttentionOutput:
      return {TensorRole::kAttentionOutput};
    case ActivationPoint::kMlpInput:
      return {TensorRole::kGate, TensorRole::kUp};
    case ActivationPoint::kMlpHidden:
      return {TensorRole::kDown};
    case ActivationPoint::kSharedInput:
      return {TensorRole::kSharedGate, TensorRole::kSharedUp};
    case ActivationPoint::kSharedHidden:
      return {TensorRole::kSharedDown};
    case ActivationPoint::kRouting:
      return {};
    case ActivationPoint::kHead:
      break;
  }
  return {TensorRole::kHead, TensorRole::kEmbedding};
}

ActivationPoint point_of(TensorRole role) {
  for (const ActivationPoint point :
       {ActivationPoint::kAttentionInput, ActivationPoint::kAttentionOutput,
        ActivationPoint::kMlpInput, ActivationPoint::kMlpHidden, ActivationPoint::kSharedInput,
        ActivationPoint::kSharedHidden, ActivationPoint::kHead}) {
    const std::vector<TensorRole> readers = readers_of(point);
    if (std::find(readers.begin(), readers.end(), role) != readers.end()) return point;
  }
  fail(ErrorCode::kBug, "a matrix that reads nothing");
}

}  // namespace lathe
