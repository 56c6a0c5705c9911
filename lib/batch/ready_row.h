// A row on its way from its line to the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lathe/batch_row.h"
#include "lathe/host/records.h"

namespace lathe {

struct ReadyRow {
  std::uint64_t index = 0;
  RecordFingerprint fingerprint;
  bool done = false;  // its record is there already; nothing else is filled in
  BatchRow row;
  std::vector<TokenId> prompt;  // empty where row.error says why
  double seconds = 0.0;         // that it took to get here, from when its line was looked at
  bool timed_out = false;       // row.error says so
  std::size_t bytes = 0;        // what it takes in the queue
};

}  // namespace lathe
