// The kernel table for AVX-512 (F, BW, VL, DQ and VNNI).
#include "kernels/avx512/dots.h"
#include "kernels/avx512/grid.h"
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/probe_int8.h"
#include "kernels/avx512/transpose.h"
#include "kernels/shared/table.h"

namespace lathe {

extern const KernelTable kAvx512Kernels;
constinit const KernelTable kAvx512Kernels = make_table("avx512", 96);

}  // namespace lathe
