// A hash table from strings to small numbers, for lookups on the encoding path: open
// addressing, linear probing, XXH3. Strings are not copied: they must outlive the table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>
#include <xxhash.h>

namespace lathe {

class StringTable {
 public:
  static constexpr std::int32_t kAbsent = -1;

  explicit StringTable(std::size_t expected = 0) { resize(expected); }

  std::size_t size() const noexcept { return size_; }

  // False, changing nothing, when the key is there already. `value` >= 0.
  bool insert(std::string_view key, std::int32_t value) {
    if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.size());
    const std::uint64_t hash = hash_of(key);
    Slot& slot = slots_[find_slot(key, hash)];
    if (slot.value != kAbsent) return false;
    slot = {key, static_cast<std::uint32_t>(hash >> 32), value};
    ++size_;
    return true;
  }

  std::int32_t find(std::string_view key) const noexcept {
    return slots_[find_slot(key, hash_of(key))].value;
  }

 private:
  struct Slot {
    std::string_view key{};
    std::uint32_t tag = 0;
    std::int32_t value = kAbsent;
  };

  static std::uint64_t hash_of(std::string_view key) noexcept {
    return XXH3_64bits(key.data(), key.size());
  }

  std::size_t find_slot(std::string_view key, std::uint64_t hash) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = static_cast<std::size_t>(hash) & mask;
    while (slots_[at].value != kAbsent && (slots_[at].tag != tag || slots_[at].key != key)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  void resize(std::size_t expected) {
    std::size_t capacity = 16;
    while (capacity * 3 < (expected + 1) * 4) capacity *= 2;
    std::vector<Slot> old(capacity);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.value != kAbsent) slots_[find_slot(slot.key, hash_of(slot.key))] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace lathe
