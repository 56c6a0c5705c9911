// Beginnings that are kept after their request has ended, as sequences of the session with the
// tokens that they hold: a new request forks the one that it shares most with.
//
// Found by comparing tokens, one entry after the other: with thousands of entries that is some
// tens of microseconds, against milliseconds of a step. Pages that several entries (or running
// sequences) share exist once, so what an entry costs is its pages alone. When memory is wanted,
// the entry that was not used for longest loses pages from its end.
//
// Under a sliding window a long text loses its first pages: it then serves its own continuation
// only, so shorter ones with the same beginning are kept beside it.
//
// Belongs to one thread. A store owns its sequences.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/session.h"

#include "generate/common_length.h"
#include "model/session_pages.h"

namespace lathe {

class PrefixStore {
 public:
  explicit PrefixStore(Session& session);
  ~PrefixStore();
  PrefixStore(const PrefixStore&) = delete;
  PrefixStore& operator=(const PrefixStore&) = delete;

  struct Match {
    SequenceId sequence = -1;
    std::int64_t length = 0;
  };
  // The entry that shares most with `tokens` and can be forked there; length 0 when none is.
  Match find(std::span<const TokenId> tokens) const noexcept;
  // Marks the entry as used now.
  void touch(SequenceId sequence) noexcept;

  // Takes a sequence over, which holds exactly `tokens`. Where another entry holds all of it
  // too, the sequence is dropped instead; entries of which it holds all are dropped.
  void keep(SequenceId sequence, std::span<const TokenId> tokens);

  // Gives up pages, at most `pages` and one entry's; returns false when nothing is left.
  bool shrink(std::int64_t pages);

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    SequenceId sequence;
    std::vector<TokenId> tokens;
    std::uint64_t used;
  };
  // Whether `a` still has the beginning that `b` has.
  bool begins_before(SequenceId a, SequenceId b) const;
  void drop(std::size_t index);

  Session& session_;
  SessionPages pages_;
  std::int64_t page_tokens_;
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace lathe
