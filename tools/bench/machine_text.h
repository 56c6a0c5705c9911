// What bench --machine prints: the limits of this machine, for people or as JSON.
#pragma once

#include <string>

#include "lathe/bench/machine.h"

namespace lathe::tool {

std::string machine_text(const MachineLimits& limits, bool json);

}  // namespace lathe::tool
