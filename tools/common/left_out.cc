#include "common/left_out.h"

#include <fmt/format.h>

#include "lathe/host/escape.h"
#include "lathe/quantized_source.h"

namespace lathe::tool {

void note_left_out(const Tool& tool, const Checkpoint& checkpoint) {
  const auto rounded = checkpoint.metadata().find(kRoundedMatrices);
  if (rounded != checkpoint.metadata().end()) {
    tool.note(fmt::format("{}: {}", lathe::quoted(checkpoint.path()), rounded->second));
  }
  const auto parts = checkpoint.metadata().find(Checkpoint::kPartsLeftOut);
  if (parts == checkpoint.metadata().end()) return;
  tool.note(fmt::format("{}: only the part for text is used; left out: {}",
                        lathe::quoted(checkpoint.path()), parts->second));
}

}  // namespace lathe::tool
