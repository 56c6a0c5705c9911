// What sgp-eval does with questions and records besides asking and scoring: invariance sets,
// tuning records. Errors as their library parts; not thread-safe.
#pragma once

#include "lathe/sgp/dataset.h"

#include "sgp_eval/options.h"

namespace lathe::tool {

class Tool;

// --perturb: inv.csv, inv_t0.csv ... in the folder that -o names. Returns the exit status: 1
// when a question was left out.
int perturb(const Tool& tool, const SgpOptions& options, const SgpDataset& data);

// --export-sit
int export_tuning(const Tool& tool, const SgpOptions& options, const SgpDataset& data);

}  // namespace lathe::tool
