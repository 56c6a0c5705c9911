// --lora of the tools that run a model: adapters, each with a factor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lathe/lora.h"

#include "common/tool.h"

namespace lathe::tool {

// An option that may be repeated; `specs` are "ADAPTER" or "ADAPTER:0.5".
CLI::Option* add_lora(Tool& tool, std::vector<std::string>& specs);

// Their sum as it is applied to this model; null without any. Warns of what an adapter leaves open.
// Errors: as LoraAdapter::open() and sum().
std::shared_ptr<const LoraAdapter> open_lora(const Tool& tool,
                                             const std::vector<std::string>& specs,
                                             const Checkpoint& checkpoint);

}  // namespace lathe::tool
