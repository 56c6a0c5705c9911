// The pages of a session's sequences as bytes, for who keeps them elsewhere: the engine's memory,
// its spill file and cache folder, files of sequences.
//
// Lives as long as its session does, and belongs to the same thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lathe/session.h"

namespace lathe {

struct SequencePages {
  std::int64_t first = 0;  // pages before it have left the sliding window (0 without one)
  std::int64_t count = 0;  // pages from there on, the last perhaps in part
  std::int64_t alone = 0;  // of those, the ones that no other sequence shares
};

class SessionPages {
 public:
  explicit SessionPages(Session& session) noexcept : session_(session) {}

  KvLayout layout() const;
  SequencePages of(SequenceId sequence) const;
  // Copies `count` pages from page `first` on (positions from first · page_tokens) to `out`,
  // of exactly count · page_bytes. Positions past the sequence's length are zeros: what an
  // earlier sequence left in a page does not show. Throws kInvalid.
  void copy(SequenceId sequence, std::int64_t first, std::int64_t count,
            std::span<std::byte> out) const;
  // Lengthens a sequence, whose length must be a multiple of page_tokens, by `tokens`
  // positions whose keys and values are given as copy() gave them; the last page may
  // be in part. To restore a sequence whose first pages had left the window, append what is
  // left to an empty one: `tokens` counts them all, and the missing pages are the first.
  // Throws kInvalid (sizes that do not match), kLimit: nothing has changed then. What the
  // bytes say is taken as it is: whoever stores them checks them.
  void append(SequenceId sequence, std::int64_t tokens, std::span<const std::byte> pages);

 private:
  Session& session_;
};

}  // namespace lathe
