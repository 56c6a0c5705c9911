#include "engine/prefix_store.h"

#include <algorithm>
#include <utility>

namespace lathe {
namespace {

// A bound on the time of a search, and on the lists.
constexpr std::size_t kMaxEntries = 4096;

}  // namespace

PrefixStore::PrefixStore(Session& session)
    : session_(session), pages_(session), page_tokens_(pages_.layout().page_tokens) {}

PrefixStore::~PrefixStore() {
  while (!entries_.empty()) drop(entries_.size() - 1);
}

PrefixStore::Match PrefixStore::find(std::span<const TokenId> tokens) const noexcept {
  Match best;
  for (const Entry& entry : entries_) {
    const std::int64_t length = common_length(entry.tokens, tokens);
    if (length > best.length && session_.can_fork(entry.sequence, length)) {
      best = {entry.sequence, length};
    }
  }
  return best;
}

void PrefixStore::touch(SequenceId sequence) noexcept {
  for (Entry& entry : entries_) {
    if (entry.sequence == sequence) entry.used = ++clock_;
  }
}

void PrefixStore::keep(SequenceId sequence, std::span<const TokenId> tokens) {
  for (Entry& entry : entries_) {
    const std::int64_t length = common_length(entry.tokens, tokens);
    if (std::cmp_equal(length, tokens.size()) && begins_before(entry.sequence, sequence)) {
      session_.drop(sequence);
      entry.used = ++clock_;
      return;
    }
  }
  for (std::size_t i = entries_.size(); i-- > 0;) {
    const Entry& entry = entries_[i];
    const std::int64_t length = common_length(entry.tokens, tokens);
    if (std::cmp_equal(length, entry.tokens.size()) && begins_before(sequence, entry.sequence)) {
      drop(i);
    }
  }
  if (entries_.size() >= kMaxEntries) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.used < b.used; });
    drop(static_cast<std::size_t>(oldest - entries_.begin()));
  }
  entries_.push_back({sequence, {tokens.begin(), tokens.end()}, ++clock_});
}

bool PrefixStore::shrink(std::int64_t pages) {
  if (entries_.empty()) return false;
  const auto oldest =
      std::min_element(entries_.begin(), entries_.end(),
                       [](const Entry& a, const Entry& b) { return a.used < b.used; });
  const auto index = static_cast<std::size_t>(oldest - entries_.begin());
  // Shared pages are the first ones, so those that the entry has alone are its last.
  const SequencePages held = pages_.of(oldest->sequence);
  const std::int64_t give = std::min(held.alone, pages);
  const std::int64_t keep = (held.first + held.count - give) * page_tokens_;
  // Without pages of its own it holds nothing that is not elsewhere; with a window that has
  // moved on, its beginning is of no use.
  if (held.alone == 0 || give == held.count || held.first > 0 || keep == 0) {
    drop(index);
  } else {
    session_.truncate(oldest->sequence, keep);
    oldest->tokens.resize(static_cast<std::size_t>(keep));
  }
  return true;
}

bool PrefixStore::begins_before(SequenceId a, SequenceId b) const {
  return pages_.of(a).first <= pages_.of(b).first;
}

void PrefixStore::drop(std::size_t index) {
  session_.drop(entries_[index].sequence);
  entries_[index] = std::move(entries_.back());
  entries_.pop_back();
}

}  // namespace lathe
