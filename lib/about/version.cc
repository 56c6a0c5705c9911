#include "lathe/version.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <dnnl.hpp>
#include <pcre2.h>
#include <xxhash.h>
#include <zstd.h>

namespace lathe {

std::string version() { return LATHE_VERSION_STRING; }

std::string version_details() {
  char pcre2[64] = "";
  pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
  const dnnl_version_t* onednn = dnnl_version();
  return fmt::format(
      "lathe {}\n"
      "libraries: oneDNN {}.{}.{}, zstd {}, PCRE2 {}, xxHash {}, fmt {}.{}.{}, "
      "nlohmann-json {}.{}.{}\n",
      version(), onednn->major, onednn->minor, onednn->patch, ZSTD_versionString(), pcre2,
      XXH_versionNumber(), FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100,
      NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH);
}

}  // namespace lathe
