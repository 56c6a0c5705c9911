// Ids of words met before. Natural text repeats its words, and encoding one is a hundred
// times the work of looking it up.
//
// Not thread-safe: each worker has its own. Bounded: when it is full it is emptied.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <xxhash.h>

#include "lathe/tokenizer.h"

namespace lathe {

class WordCache {
 public:
  // Longer words are rarely met twice.
  static constexpr std::size_t kMaxWord = 48;

  // Appends the word's ids to `out`; false when they are not known.
  bool get(std::string_view word, std::vector<TokenId>& out) {
    hash_ = XXH3_64bits(word.data(), word.size());
    if (slots_.empty()) return false;
    const Slot& slot = slots_[find_slot(word)];
    if (slot.length == 0) return false;
    const TokenId* ids = ids_.data() + slot.ids;
    out.insert(out.end(), ids, ids + slot.count);
    return true;
  }

  // Remembers ids of the word that the last get() did not find.
  void put(std::string_view word, std::span<const TokenId> ids) {
    if (word.empty() || word.size() > kMaxWord || ids.size() > kMaxWord) return;
    if (used_ * 2 >= slots_.size()) grow();
    Slot& slot = slots_[find_slot(word)];
    slot = {hash_, static_cast<std::uint32_t>(text_.size()),
            static_cast<std::uint32_t>(ids_.size()), static_cast<std::uint16_t>(word.size()),
            static_cast<std::uint16_t>(ids.size())};
    text_ += word;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    ++used_;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t text = 0;
    std::uint32_t ids = 0;
    std::uint16_t length = 0;  // of the word; 0: the slot is free
    std::uint16_t count = 0;   // of ids
  };
  static constexpr std::size_t kMaxSlots = std::size_t{1} << 18;

  std::size_t find_slot(std::string_view word) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash_) & mask;
    for (;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.length == 0) return at;
      if (slot.hash == hash_ && slot.length == word.size() &&
          std::string_view(text_).substr(slot.text, slot.length) == word) {
        return at;
      }
    }
  }

  void grow() {
    if (slots_.size() >= kMaxSlots) {
      slots_.assign(slots_.size(), Slot{});
      text_.clear();
      ids_.clear();
      used_ = 0;
      return;
    }
    std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 4);
    old.swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.length == 0) continue;
      std::size_t at = static_cast<std::size_t>(slot.hash) & mask;
      while (slots_[at].length != 0) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::string text_;
  std::vector<TokenId> ids_;
  std::size_t used_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace lathe
