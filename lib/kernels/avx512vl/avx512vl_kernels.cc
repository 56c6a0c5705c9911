// The table of avxvnni/ for processors that have its instruction as a part of AVX-512.
#define LATHE_VNNI_ENCODING "evex"
#include "kernels/avx2/grid.h"
#include "kernels/avx2/lanes.h"
#include "kernels/avx2/transpose.h"
#include "kernels/avxvnni/probe_int8.h"
#include "kernels/avxvnni/weights.h"
#include "kernels/shared/half_tile_dots.h"
#include "kernels/shared/table.h"

namespace lathe {

extern const KernelTable kAvx512vlKernels;
constinit const KernelTable kAvx512vlKernels = make_table("avxvnni", 24);

}  // namespace lathe
