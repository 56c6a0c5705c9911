// Positions of a sequence that were computed for a draft: gone again, unless they held.
#pragma once

#include "lathe/session.h"

namespace lathe {

class DraftedPositions {
 public:
  // What lies behind `length` positions was drafted. The session outlives it.
  DraftedPositions(Session& session, SequenceId sequence, std::int64_t length)
      : session_(session), sequence_(sequence), length_(length) {}
  // Drafts reach back less far than what a sliding window still holds: this doesn't throw.
  ~DraftedPositions() {
    if (session_.length(sequence_) > length_) session_.truncate(sequence_, length_);
  }
  DraftedPositions(const DraftedPositions&) = delete;
  DraftedPositions& operator=(const DraftedPositions&) = delete;

  // One more is what came.
  void hold() noexcept { ++length_; }

 private:
  Session& session_;
  SequenceId sequence_;
  std::int64_t length_;
};

}  // namespace lathe
