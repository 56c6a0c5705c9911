// What is said of a checkpoint whose matrices came quantized.
#pragma once

namespace lathe {

// Key of Checkpoint::metadata(): one line on matrices that the kernels hold only nearly, with what
// is lost. Absent where they hold the very numbers.
inline constexpr const char* kRoundedMatrices = "rounded matrices";

}  // namespace lathe
