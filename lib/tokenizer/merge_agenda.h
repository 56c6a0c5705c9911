// The pairs of neighbours that byte-pair merging may join next, best first.
//
// A long word keeps them in a heap; in a short one the best is looked for each time, which beats
// keeping an order. `later(a, b)` is true when b comes before a. Of pairs that are equal under it
// at most one still holds when it is taken, so that both ways end in the same merges. Not
// thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace lathe {

template <typename Pair, bool (*later)(const Pair&, const Pair&) noexcept>
class MergeAgenda {
 public:
  // `pairs` is room that the caller keeps from word to word; the word has `symbols` of them.
  MergeAgenda(std::vector<Pair>& pairs, std::size_t symbols)
      : pairs_(pairs), heap_(symbols > kSmallWord) {
    pairs_.clear();
  }

  bool empty() const noexcept { return pairs_.empty(); }

  void add(const Pair& pair) {
    pairs_.push_back(pair);
    if (heap_) std::push_heap(pairs_.begin(), pairs_.end(), later);
  }

  Pair take_first() {
    if (heap_) {
      std::pop_heap(pairs_.begin(), pairs_.end(), later);
    } else {
      std::swap(*std::max_element(pairs_.begin(), pairs_.end(), later), pairs_.back());
    }
    const Pair first = pairs_.back();
    pairs_.pop_back();
    return first;
  }

 private:
  static constexpr std::size_t kSmallWord = 24;

  std::vector<Pair>& pairs_;
  bool heap_;
};

}  // namespace lathe
