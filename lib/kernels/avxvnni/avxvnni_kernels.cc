// The kernel table for AVX-VNNI: that of AVX2, with its own dot products.
#define LATHE_VNNI_ENCODING "vex"
#include "kernels/avx2/grid.h"
#include "kernels/avx2/lanes.h"
#include "kernels/avx2/transpose.h"
#include "kernels/avxvnni/probe_int8.h"
#include "kernels/avxvnni/weights.h"
#include "kernels/shared/half_tile_dots.h"
#include "kernels/shared/table.h"

namespace lathe {

extern const KernelTable kAvxVnniKernels;
constinit const KernelTable kAvxVnniKernels = make_table("avxvnni", 24);

}  // namespace lathe
