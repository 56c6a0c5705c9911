// A request on its way to a worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lathe/engine.h"

#include "batch/constraint_cache.h"

namespace lathe {

// Throws kUnsupported for what is bound to this process: judges, and callbacks that see logits or
// text.
void check_sendable(const Request& request);
// Throws the same.
std::string send_request(const Request& request);
// Throws kInvalid for bytes that are no request, and as Grammar::create().
Request receive_request(std::string_view bytes, ConstraintCache& constraints);

}  // namespace lathe
