#include "archive/planes.h"

#include <bit>
#include <cstring>
#include <iterator>
#include <limits>

namespace lathe::archive {
namespace {

constexpr std::string_view kNames[] = {"bytes", "f16", "bf16", "f32"};

template <typename Word>
Word load(const std::byte* from, std::size_t i) noexcept {
  Word word;
  std::memcpy(&word, from + i * sizeof word, sizeof word);
  return word;
}

template <typename Word>
void store(std::byte* to, std::size_t i, Word word) noexcept {
  std::memcpy(to + i * sizeof word, &word, sizeof word);
}

// Floats as unsigned numbers in the order of their values.
template <typename Word>
Word ordered(Word x) noexcept {
  constexpr Word kSign = static_cast<Word>(Word{1} << (std::numeric_limits<Word>::digits - 1));
  return static_cast<Word>((x & kSign) != 0 ? ~x : x | kSign);
}

template <typename Word>
Word unordered(Word x) noexcept {
  constexpr Word kSign = static_cast<Word>(Word{1} << (std::numeric_limits<Word>::digits - 1));
  return static_cast<Word>((x & kSign) != 0 ? x & static_cast<Word>(~kSign) : ~x);
}

template <typename Word>
Word difference(Word x, Word base) noexcept {
  const auto d = static_cast<Word>(ordered(x) - ordered(base));
  const bool negative = (d >> (std::numeric_limits<Word>::digits - 1)) != 0;
  return static_cast<Word>((d << 1) ^ (negative ? static_cast<Word>(~Word{0}) : Word{0}));
}

template <typename Word>
Word add_difference(Word z, Word base) noexcept {
  const Word odd = (z & 1) != 0 ? static_cast<Word>(~Word{0}) : Word{0};
  const auto d = static_cast<Word>(static_cast<Word>(z >> 1) ^ odd);
  return unordered(static_cast<Word>(ordered(base) + d));
}

struct AsItIs {
  template <typename Word>
  static Word forth(Word x) noexcept {
    return x;
  }
  template <typename Word>
  static Word back(Word x) noexcept {
    return x;
  }
};

// The sign goes from the highest bit to the lowest, which makes the exponent a byte.
struct SignLast {
  template <typename Word>
  static Word forth(Word x) noexcept {
    return std::rotl(x, 1);
  }
  template <typename Word>
  static Word back(Word x) noexcept {
    return std::rotr(x, 1);
  }
};

template <typename Word, typename Turn>
void split(std::span<const std::byte> plain, std::span<const std::byte> base,
           std::byte* planes) noexcept {
  const std::size_t n = plain.size() / sizeof(Word);
  const std::byte* from = plain.data();
  const auto put = [&](std::size_t i, Word word) {
    for (std::size_t p = 0; p < sizeof(Word); ++p) {
      planes[p * n + i] = static_cast<std::byte>(word >> (8 * (sizeof(Word) - 1 - p)));
    }
  };
  if (base.empty()) {
    for (std::size_t i = 0; i < n; ++i) put(i, Turn::forth(load<Word>(from, i)));
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      put(i, difference(load<Word>(from, i), load<Word>(base.data(), i)));
    }
  }
}

template <typename Word, typename Turn>
void join(std::span<const std::byte* const> planes, std::span<const std::byte> base,
          std::span<std::byte> out) noexcept {
  const std::size_t n = out.size() / sizeof(Word);
  const std::byte* const* at = planes.data();
  const auto get = [&](std::size_t i) {
    Word word = 0;
    for (std::size_t p = 0; p < sizeof(Word); ++p) {
      word =
          static_cast<Word>(word | (static_cast<Word>(at[p][i]) << (8 * (sizeof(Word) - 1 - p))));
    }
    return word;
  };
  if (base.empty()) {
    for (std::size_t i = 0; i < n; ++i) store(out.data(), i, Turn::back(get(i)));
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      store(out.data(), i, add_difference(get(i), load<Word>(base.data(), i)));
    }
  }
}

void combine_bytes(std::span<const std::byte> from, std::span<const std::byte> base,
                   std::byte* to) noexcept {
  if (base.empty()) {
    std::memcpy(to, from.data(), from.size());
  } else {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i] ^ base[i];
  }
}

}  // namespace

std::size_t element_bytes(Elements elements) noexcept {
  switch (elements) {
    case Elements::kF16:
    case Elements::kBF16:
      return 2;
    case Elements::kF32:
      return 4;
    default:
      return 1;
  }
}

std::string_view elements_name(Elements elements) noexcept {
  return kNames[static_cast<std::size_t>(elements)];
}

std::optional<Elements> elements_by_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Elements>(i);
  }
  return std::nullopt;
}

Elements elements_of(DType type) noexcept {
  switch (type) {
    case DType::kF16:
      return Elements::kF16;
    case DType::kBF16:
      return Elements::kBF16;
    case DType::kF32:
      return Elements::kF32;
    default:
      return Elements::kBytes;
  }
}

void split_planes(Elements elements, std::span<const std::byte> plain,
                  std::span<const std::byte> base, std::span<std::byte> planes) noexcept {
  switch (elements) {
    case Elements::kF16:
      return split<std::uint16_t, AsItIs>(plain, base, planes.data());
    case Elements::kBF16:
      return split<std::uint16_t, SignLast>(plain, base, planes.data());
    case Elements::kF32:
      return split<std::uint32_t, SignLast>(plain, base, planes.data());
    default:
      return combine_bytes(plain, base, planes.data());
  }
}

void join_planes(Elements elements, std::span<const std::byte* const> planes,
                 std::span<const std::byte> base, std::span<std::byte> out) noexcept {
  switch (elements) {
    case Elements::kF16:
      return join<std::uint16_t, AsItIs>(planes, base, out);
    case Elements::kBF16:
      return join<std::uint16_t, SignLast>(planes, base, out);
    case Elements::kF32:
      return join<std::uint32_t, SignLast>(planes, base, out);
    default:
      return combine_bytes({planes[0], out.size()}, base, out.data());
  }
}

}  // namespace lathe::archive
