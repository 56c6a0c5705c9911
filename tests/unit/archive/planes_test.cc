// Numbers taken apart into planes and put together; chunks.
#include "archive/planes.h"

#include <array>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

#include "archive/chunk.h"
#include "base/pcg.h"

namespace lathe::archive {
namespace {

constexpr Elements kAll[] = {Elements::kBytes, Elements::kF16, Elements::kBF16, Elements::kF32};

std::vector<std::byte> random_bytes(std::size_t n, std::uint64_t seed) {
  Pcg32 random(seed, 1);
  std::vector<std::byte> out(n);
  for (std::byte& b : out) b = static_cast<std::byte>(random.next() & 0xff);
  return out;
}

std::vector<std::byte> there_and_back(Elements elements, std::span<const std::byte> plain,
                                      std::span<const std::byte> base) {
  std::vector<std::byte> planes(plain.size()), out(plain.size());
  split_planes(elements, plain, base, planes);
  std::array<const std::byte*, kMostPlanes> at{};
  const std::size_t width = element_bytes(elements);
  for (std::size_t p = 0; p < width; ++p) at[p] = planes.data() + p * (plain.size() / width);
  join_planes(elements, std::span(at).first(width), base, out);
  return out;
}

TEST(Planes, ComeTogetherAgainForEveryPatternOfBits) {
  // All patterns of 16 bits, NaNs and infinities among them, beside a base of others.
  std::vector<std::byte> plain(131072), base = random_bytes(131072, 3);
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto x = static_cast<std::uint16_t>(i);
    std::memcpy(plain.data() + 2 * i, &x, 2);
  }
  for (const Elements elements : kAll) {
    EXPECT_EQ(there_and_back(elements, plain, {}), plain) << elements_name(elements);
    EXPECT_EQ(there_and_back(elements, plain, base), plain) << elements_name(elements);
    EXPECT_EQ(there_and_back(elements, base, plain), base) << elements_name(elements);
  }
}

TEST(Planes, HoldExponentsApart) {
  const std::array<std::uint16_t, 2> bf16 = {0x3f80, 0xbf80};  // 1 and -1
  std::array<std::byte, 4> planes{};
  split_planes(Elements::kBF16, std::as_bytes(std::span(bf16)), {}, planes);
  EXPECT_EQ(planes[0], std::byte{0x7f});
  EXPECT_EQ(planes[1], std::byte{0x7f});
  EXPECT_EQ(planes[2], std::byte{0});
  EXPECT_EQ(planes[3], std::byte{1});
}

TEST(Planes, MakeSmallNumbersOfSmallChanges) {
  // Neighbours, over zero and over a power of two as well.
  const std::array<float, 3> base = {1.0f, -2.0f, 0.0f};
  const std::array<float, 3> tuned = {std::nextafter(1.0f, 0.0f), std::nextafter(-2.0f, 0.0f),
                                      std::nextafter(0.0f, -1.0f)};
  std::array<std::byte, 12> planes{};
  split_planes(Elements::kF32, std::as_bytes(std::span(tuned)), std::as_bytes(std::span(base)),
               planes);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(planes[i], std::byte{0}) << i;
  for (std::size_t i = 9; i < 12; ++i) EXPECT_LE(planes[i], std::byte{4}) << i;
}

TEST(Chunk, IsWhatItWasAndSaysWhenItIsNot) {
  for (const Elements elements : kAll) {
    for (const std::size_t size : {std::size_t{4}, std::size_t{1000}, kChunkBytes}) {
      const auto plain = random_bytes(size, size);
      for (const auto& base : {std::vector<std::byte>(), random_bytes(size, 9)}) {
        ChunkEncoder encoder;
        std::size_t bytes = 0;
        const Methods methods = encoder.choose(elements, plain, base, bytes);
        std::vector<std::byte> stored, out(size);
        ChunkRecord record = encoder.encode(elements, methods, plain, base, stored);
        EXPECT_LE(stored.size(), size);
        ChunkDecoder decoder;
        ASSERT_TRUE(decoder.decode(elements, record, stored, base, out));
        EXPECT_EQ(out, plain);
        stored[stored.size() / 2] ^= std::byte{16};
        EXPECT_FALSE(decoder.decode(elements, record, stored, base, out));
        stored[stored.size() / 2] ^= std::byte{16};
        ++record.sizes[0];
        EXPECT_FALSE(decoder.decode(elements, record, stored, base, out));
      }
    }
  }
}

TEST(Chunk, OfTheBaseTakesNothing) {
  const auto plain = random_bytes(512, 1);
  ChunkRecord record;
  record.sum = 1;
  std::vector<std::byte> out(512);
  ChunkDecoder decoder;
  EXPECT_FALSE(decoder.decode(Elements::kF16, record, {}, plain, out));
  EXPECT_FALSE(decoder.decode(Elements::kF16, record, {}, {}, out));
}

// Gaussian weights in bf16: eight bits of sign and mantissa, and of the exponent its entropy.
TEST(Chunk, TakesTwoThirdsOfNormallyDistributedBf16) {
  Pcg32 random(5, 1);
  std::vector<std::uint16_t> weights(kChunkBytes / 2);
  for (auto& w : weights) {
    float sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<float>(random.next()) / 4294967296.0f;
    const float x = (sum - 6.0f) * 0.02f;
    std::uint32_t bits = 0;
    std::memcpy(&bits, &x, 4);
    w = static_cast<std::uint16_t>(bits >> 16);
  }
  const auto plain = std::as_bytes(std::span(weights));
  ChunkEncoder encoder;
  std::size_t bytes = 0;
  const Methods methods = encoder.choose(Elements::kBF16, plain, {}, bytes);
  std::vector<std::byte> stored;
  encoder.encode(Elements::kBF16, methods, plain, {}, stored);
  EXPECT_LT(stored.size(), plain.size() * 68 / 100);
}

}  // namespace
}  // namespace lathe::archive
