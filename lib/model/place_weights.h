// Where weights lie on machines of several memory nodes (parallel/numa.h).
#pragma once

#include "model/weights.h"

namespace lathe {

// Of matrices that all workers read a share of in each step, a worker's share goes to its node. Of
// a layer's experts nobody knows which are used beside which: they go to all nodes in turn, and so
// does all that is not bound. `workers`: threads of the sessions. The weights are in memory of the
// process.
void place_weights(const Weights& weights, int workers);

}  // namespace lathe
