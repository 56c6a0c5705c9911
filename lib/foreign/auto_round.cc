// AutoRound's folders: another method's packing under its own name.
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/methods.h"

namespace lathe {

void read_auto_round(const JsonView& config, Parts& parts) {
  const std::string format = config.get_string("packing_format").value_or("auto_round:auto_gptq");
  if (format.ends_with("auto_gptq")) return read_gptq(config, parts);
  if (format.ends_with("auto_awq")) return read_awq(config, parts);
  fail_unsupported(
      "{}: AutoRound's packing {} is not read (auto_round:auto_gptq and auto_round:auto_awq are)",
      quoted(config.file()), quoted(format));
}

}  // namespace lathe
