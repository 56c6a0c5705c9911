// Machines whose processors reach some of the memory faster than the rest: where weights, keys and
// values lie (non-uniform memory access).
#pragma once

#include "lathe/export.h"

namespace lathe {

enum class NumaMode {
  kOff,         // where the system puts it: with the thread that touches it first
  kBind,        // threads stay on their nodes, each with the weights that it reads first
  kInterleave,  // nodes take turns, page by page; threads go where they like
};

// From here on threads of the library's pools stay where the mode says, as does the caller, who is
// each pool's first; models that are loaded and caches that are made lie where it says. Keys and
// values lie on all nodes in turn either way: which thread reads a page changes from step to step.
// Weights are then read into memory (LoadOptions::in_memory), since a mapped file's pages lie where
// the first process to read them was. On a machine of one node, and of nodes of which this process
// may use the processors of one alone, nothing changes. No result depends on it.
//
// Once, before the first thread, model or cache. Throws kUnsupported where the system does not let
// this process say where memory lies.
LATHE_API void set_numa(NumaMode mode);
// What was set; kOff where it changes nothing.
LATHE_API NumaMode numa_mode() noexcept;

}  // namespace lathe
