#include "lathe/workers/identity.h"

#include <fmt/format.h>

#include "base/escape.h"

namespace lathe {

std::optional<std::string> difference(const WorkerIdentity& here, const WorkerIdentity& there) {
  if (here.model != there.model) {
    return fmt::format("another model (fingerprint {:016x}, not {:016x})", there.model, here.model);
  }
  if (here.kv_type != there.kv_type) {
    return fmt::format("keys and values of type {}, not {}", quoted(there.kv_type), here.kv_type);
  }
  if (here.context != there.context) {
    return fmt::format("a context of {} positions, not {}", there.context, here.context);
  }
  return std::nullopt;
}

}  // namespace lathe
