// The parts of a prompt's beginning on their way: from the engine that computes them to its host,
// and what who asks, or who goes on from there, has of them so far.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lathe/engine.h"

#include "io/shared_memory.h"
#include "workers/message.h"

namespace lathe {

// Where an engine's thread leaves parts for its host's. Thread-safe.
class PartBox {
 public:
  void put(const std::string& of, BeginningPart part) {
    const std::lock_guard lock(mutex_);
    parts_.emplace_back(of, std::move(part));
  }
  std::vector<std::pair<std::string, BeginningPart>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(parts_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, BeginningPart>> parts_;
};

// Parts that have come, in their order. Of one thread.
class RowParts {
 public:
  // Where one is missing, or can't be reached, the rest is of no use.
  void take(const Part& part) {
    if (part.number != beginning_.parts.size()) broken_ = true;
    if (broken_) return;
    BeginningPart here = part.part;
    MemoryRange range;
    if (part.memory) {
      range = *part.memory;
      if (!memory_ || there_ != range.place) memory_ = SharedMemory::open(range.place);
      there_ = range.place;
      auto piece = memory_ ? memory_->piece(range.offset, range.size) : std::nullopt;
      if (!piece) {
        broken_ = true;
        return;
      }
      here.pages = piece->bytes;
      here.memory = std::move(piece->owner);
    }
    beginning_.of = part.of;
    beginning_.tokens += here.tokens;
    beginning_.parts.push_back(std::move(here));
    ranges_.push_back(range);
  }

  std::size_t count() const noexcept { return beginning_.parts.size(); }
  const Beginning& beginning() const noexcept { return beginning_; }

  // A part for somebody else; he may look for it in memory as long as this is here.
  Part part(std::size_t number, std::uint64_t session, RowId id, bool by_memory) const {
    Part out{session, id, number, beginning_.of, beginning_.parts[number], std::nullopt};
    if (by_memory && memory_ && ranges_[number].place == there_) {
      out.memory = MemoryRange{memory_->place(), ranges_[number].offset, ranges_[number].size};
    }
    return out;
  }

 private:
  Beginning beginning_;
  std::vector<MemoryRange> ranges_;  // of parts that came by memory
  MemoryPlace there_;
  std::optional<SharedMemory> memory_;
  bool broken_ = false;
};

}  // namespace lathe
