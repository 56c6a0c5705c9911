#include <fmt/format.h>
#include <nlohmann/detail/macro_scope.hpp>
#include <oneapi/dnnl/dnnl.h>
#include <vector>

#include "lathe/version.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>
#include <xxhash.h>
#include <zstd.h>

#include "kernels/select.h"

namespace lathe {

std::string version_details() {
  char pcre2[64] = "";
  pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
  const dnnl_version_t* onednn = dnnl_version();
  const unsigned xxhash = XXH_versionNumber();
  std::vector<const char*> available;
  for (const KernelTable* table : available_kernels()) available.push_back(table->name);
  return fmt::format(
      "lathe {}\n"
      "instruction set: {} (this processor can run {})\n"
      "libraries: oneDNN {}.{}.{}, zstd {}, PCRE2 {}, utf8proc {}, xxHash {}.{}.{}, fmt {}.{}.{}, "
      "nlohmann-json {}.{}.{}\n",
      version(), kernels().name, fmt::join(available, ", "), onednn->major, onednn->minor,
      onednn->patch, ZSTD_versionString(), pcre2, utf8proc_version(), xxhash / 10000,
      xxhash / 100 % 100, xxhash % 100, FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
      FMT_VERSION % 100, NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
      NLOHMANN_JSON_VERSION_PATCH);
}

}  // namespace lathe
