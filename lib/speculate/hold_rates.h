// How often a copied token is the one that comes, by how many tokens before it agreed.
//
// Counts fade, so that rates follow what is written now. Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lathe {

class HoldRates {
 public:
  // Rates before anything was seen.
  HoldRates();

  // The share of tokens copied behind `agreed` tokens that hold; a sequence whose own counts are
  // few is taken for one like the others.
  double rate(std::uint32_t agreed, const HoldRates* own = nullptr) const noexcept;
  void note(std::uint32_t agreed, bool held) noexcept;
  // Counts that have no past: for a sequence's own.
  static HoldRates none();

 private:
  static constexpr std::size_t kSizes = 8;
  struct Count {
    double tried = 0.0;
    double held = 0.0;
  };
  static std::size_t size_of(std::uint32_t agreed) noexcept;

  std::array<Count, kSizes> counts_;
};

}  // namespace lathe
