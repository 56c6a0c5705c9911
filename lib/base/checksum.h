// XXH3-64 of bytes that arrive in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

// Of bytes that are all there: the number whose text() Checksum gives.
std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept;

class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void add(std::span<const std::byte> bytes) noexcept;
  void add(std::string_view text) noexcept;
  // 16 lower-case hexadecimal digits of what was added so far.
  std::string text() const;
  void reset() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
