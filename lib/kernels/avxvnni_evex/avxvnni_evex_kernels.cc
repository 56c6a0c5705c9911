// The table of avxvnni/ for processors that have its instruction as a part of AVX-512.
#define LATHE_VNNI_ENCODING "evex"
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

extern const KernelTable kAvxVnniEvexKernels;
constinit const KernelTable kAvxVnniEvexKernels = make_table("avxvnni", kForward);

}  // namespace lathe
