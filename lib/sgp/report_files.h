// The report's page as it is in lib/sgp/report/, put into the library when it is built
// (scripts/cmake/embed_report.cmake). Hashes are SHA-256 in base64, as a Content-Security-Policy
// wants them.
#pragma once

#include <string_view>

namespace lathe::report {

extern const std::string_view kPage;  // with @TITLE@, @CSS@, @CSS_HASH@, @JS@, @JS_HASH@, @DATA@
extern const std::string_view kStyle;
extern const std::string_view kScript;
extern const std::string_view kStyleHash;
extern const std::string_view kScriptHash;
extern const std::string_view kLeaderboard;  // sgp_leaderboard.csv

}  // namespace lathe::report
