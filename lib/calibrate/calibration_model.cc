#include <algorithm>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"
#include "lathe/host/temporary_folder.h"
#include "lathe/importance.h"

namespace lathe {
namespace {

// Loses a tenth of a per cent of what a matrix says, and activations lose less.
constexpr const char* kScheme = "w8g32x";

bool is_float_matrix(const TensorInfo& info) {
  return info.shape.size() == 2 && info.dtype != DType::kPacked &&
         dtype_info(info.dtype).block == 1;
}

}  // namespace

std::shared_ptr<const Checkpoint> calibration_model(
    const std::shared_ptr<const Checkpoint>& checkpoint, int threads) {
  const auto tensors = checkpoint->tensors();
  if (std::none_of(tensors.begin(), tensors.end(), is_float_matrix)) {
    return checkpoint;
  }
  const TemporaryFolder folder("lathe-calibrate");
  const std::string file = folder.file("model.lathe");
  QuantizeOptions options;
  options.scheme = kScheme;
  options.threads = threads;
  options.requantize = true;
  quantize(*checkpoint, file, options);
  // The file goes with the folder; its bytes stay as long as they are mapped.
  return Checkpoint::open(file);
}

}  // namespace lathe
