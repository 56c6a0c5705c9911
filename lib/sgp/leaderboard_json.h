// The leaderboard as a JSON document, to stand in another one.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lathe/sgp/leaderboard.h"

namespace lathe {

nlohmann::ordered_json leaderboard_json(const SgpLeaderboard& board);

}  // namespace lathe
