// Whether two processes can see each other's memory (io/shared_memory.h): each says where a number
// of its own lies, and the other one looks for it there.
//
// Of one thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <utility>

#include "io/shared_memory.h"

namespace lathe {

// What is sent of it; without memory: no place, which nobody finds.
struct ProbePlace {
  MemoryPlace place;
  std::uint64_t number = 0;
};

class MemoryProbe {
 public:
  MemoryProbe() : memory_(SharedMemory::create()) {
    if (!memory_) return;
    std::random_device random;
    there_.number = (std::uint64_t{random()} << 32) | random();
    if (!memory_->append(std::as_bytes(std::span(&there_.number, 1)))) return;
    there_.place = memory_->place();
  }

  const ProbePlace& place() const noexcept { return there_; }

  static bool sees(const ProbePlace& there) {
    const std::optional<SharedMemory> memory = SharedMemory::open(there.place);
    if (!memory) return false;
    const auto piece = memory->piece(0, sizeof there.number);
    return piece && std::memcmp(piece->bytes.data(), &there.number, sizeof there.number) == 0;
  }

 private:
  std::optional<SharedMemory> memory_;
  ProbePlace there_;
};

}  // namespace lathe
