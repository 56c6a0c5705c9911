#include "base/checksum.h"

#include <fmt/format.h>
#include <new>
#include <xxhash.h>

namespace lathe {

std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

struct Checksum::State {
  XXH3_state_t* xxh3 = XXH3_createState();
  ~State() { XXH3_freeState(xxh3); }
};

Checksum::Checksum() : state_(std::make_unique<State>()) {
  if (state_->xxh3 == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state_->xxh3);
}

Checksum::~Checksum() = default;

void Checksum::add(std::span<const std::byte> bytes) noexcept {
  XXH3_64bits_update(state_->xxh3, bytes.data(), bytes.size());
}

void Checksum::add(std::string_view text) noexcept {
  XXH3_64bits_update(state_->xxh3, text.data(), text.size());
}

void Checksum::reset() noexcept { XXH3_64bits_reset(state_->xxh3); }

std::string Checksum::text() const {
  return fmt::format("{:016x}", XXH3_64bits_digest(state_->xxh3));
}

}  // namespace lathe
