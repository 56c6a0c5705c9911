#include "common/lookup.h"

namespace lathe::tool {

CLI::Option* add_lookup(Tool& tool, std::string& value) {
  return tool.choice(
      "--lookup", value,
      "Copy what followed the same words before, and check it in one pass, where that pays: the "
      "answer stays the same. auto: for quantized models, whose bits it cannot change",
      {"auto", "on", "off"});
}

bool wants_lookup(const std::string& value, const Model& model) {
  return value == "on" || (value == "auto" && model.batch_invariant());
}

}  // namespace lathe::tool
