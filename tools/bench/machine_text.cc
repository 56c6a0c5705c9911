#include "bench/machine_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/host/json_text.h"

namespace lathe::tool {

std::string machine_text(const MachineLimits& m, bool json) {
  if (json) {
    const nlohmann::ordered_json out = {{"schema", "lathe.machine/1"},
                                        {"cpu", m.cpu},
                                        {"isa", m.isa},
                                        {"threads", m.threads},
                                        {"read_bytes_per_second", m.read_bytes},
                                        {"int8_ops_per_second", m.int8_ops},
                                        {"f32_ops_per_second", m.f32_ops},
                                        {"bf16_ops_per_second", m.bf16_ops}};
    return json_text(out, 2) + "\n";
  }
  return fmt::format(
      "cpu          {}\nisa          {}\nthreads      {}\nmemory read  {:.1f} GB/s\n"
      "int8         {:.0f} Gop/s\nf32          {:.0f} Gop/s\nbf16         {:.0f} Gop/s\n",
      m.cpu, m.isa, m.threads, m.read_bytes / 1e9, m.int8_ops / 1e9, m.f32_ops / 1e9,
      m.bf16_ops / 1e9);
}

}  // namespace lathe::tool
