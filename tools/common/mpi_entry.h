// The one function of the library that reaches other processes over MPI (mpi/mpi_transport.cc).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lathe/ensemble.h"

namespace lathe::tool {

// Tells the user of an error that ends all processes: exit status and sentence.
using MpiSay = std::function<void(int, const std::string&)>;

struct MpiJoined {
  std::unique_ptr<EnsembleTransport> transport;
  int sharers = 1;  // processes that may use the same cores as this one, itself included
};

// lathe_join_mpi: joins the processes that mpirun has started. Ends the process where MPI fails.
using MpiJoin = void (*)(const MpiSay* say, MpiJoined* out);

}  // namespace lathe::tool
