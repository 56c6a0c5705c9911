// The end of an answer that is taken back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lathe/session.h"

namespace lathe {

// Leaves a sequence no more than `length` positions, and returns how many: none where their
// beginning has left a sliding window, so that they must be computed again.
inline std::int64_t take_back(Session& session, SequenceId sequence, std::int64_t length) {
  if (session.length(sequence) <= length) return session.length(sequence);
  if (!session.can_fork(sequence, length)) length = 0;
  session.truncate(sequence, length);
  return length;
}

}  // namespace lathe
