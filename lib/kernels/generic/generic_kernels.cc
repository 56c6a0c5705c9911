// The kernel table in plain C++, for any processor and as the reference of the others.
#include "kernels/generic/dots.h"
#include "kernels/generic/grid.h"
#include "kernels/generic/lanes.h"
#include "kernels/generic/probe_int8.h"
#include "kernels/generic/transpose.h"

#include "kernels/shared/table.h"

namespace lathe {
namespace {

constexpr ForwardKernels kForward = forward_kernels(2);

}  // namespace

extern const KernelTable kGenericKernels;
constinit const KernelTable kGenericKernels = make_table("generic", kForward);

}  // namespace lathe
