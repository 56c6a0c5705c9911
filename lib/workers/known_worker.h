// A worker as those who ask it see it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "workers/message.h"

namespace lathe {

struct KnownWorker {
  // kAbsent: it has not answered (any more), and is greeted at each heartbeat. kUnfit: its answers
  // are others.
  enum class State { kAbsent, kPresent, kUnfit };

  State state = State::kAbsent;
  std::uint64_t session = 0;
  WorkerRole role = WorkerRole::kBoth;  // never kAuto
  bool automatic = false;               // its role is ours to say
  bool planned = false;                 // and was said
  std::int64_t places = 0;
  bool shares_memory = false;  // with this process
  std::set<RowId> rows;        // that it has
  std::int64_t promised = 0;   // rows that it will get, whose prompts are being computed elsewhere
  bool full = false;           // it turned a request away, and has given no sign since
  std::uint64_t pings = 0;     // sent in this session
  std::uint64_t heard = 0;     // of those, the last that was answered, or sent before other news
  bool was_here = false;
  std::string why = {};  // kUnfit

  // Some requests more than it runs at once, so that a place that gets free is taken at once.
  std::int64_t room() const noexcept {
    if (state != State::kPresent || full) return 0;
    return places + places / 4 + 1 - promised - static_cast<std::int64_t>(rows.size());
  }
  std::uint64_t unanswered() const noexcept { return pings - heard; }
  // It has no session (any more); what it had.
  std::set<RowId> leave() {
    state = State::kAbsent;
    session = pings = heard = 0;
    promised = 0;
    full = false;
    return std::exchange(rows, {});
  }
};

}  // namespace lathe
