// The kernel table for AVX-VNNI: that of AVX2, with its own dot products.
#define LATHE_VNNI_ENCODING "vex"
#include "kernels/avxvnni/probe_int8.h"
#include "kernels/avxvnni/weights.h"
#include "kernels/x86_256/dots.h"
#include "kernels/x86_256/grid.h"
#include "kernels/x86_256/lanes.h"
#include "kernels/x86_256/transpose.h"

#include "kernels/shared/table.h"

namespace lathe {
namespace {

constexpr ForwardKernels kForward = forward_kernels(24);

}  // namespace

extern const KernelTable kAvxVnniKernels;
constinit const KernelTable kAvxVnniKernels = make_table("avxvnni", kForward);

}  // namespace lathe
