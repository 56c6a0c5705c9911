// The kernel table for AVX2, FMA and F16C.
#include "kernels/avx2/grid.h"
#include "kernels/avx2/lanes.h"
#include "kernels/avx2/probe_int8.h"
#include "kernels/avx2/transpose.h"
#include "kernels/avx2/weights.h"
#include "kernels/shared/half_tile_dots.h"
#include "kernels/shared/table.h"

namespace lathe {

extern const KernelTable kAvx2Kernels;
constinit const KernelTable kAvx2Kernels = make_table("avx2", 24);

}  // namespace lathe
