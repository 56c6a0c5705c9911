// The processes that mpirun has started, as an ensemble that computes models together.
#pragma once

#include <memory>
#include <string>

#include "lathe/ensemble.h"

#include "common/mpi_entry.h"

namespace lathe::tool {

struct JoinedEnsemble {
  std::shared_ptr<Ensemble> ensemble;  // null: this process is alone
  int threads = 0;                     // its share of the cores that it may use
};

// Whether mpirun has started this process as one of several (and LATHE_MPI=off does not say that
// each runs for itself). Takes what says so out of the environment: children are no part of it.
JoinedEnsemble join_ensemble(int argc, char** argv, const MpiSay& say);

}  // namespace lathe::tool
