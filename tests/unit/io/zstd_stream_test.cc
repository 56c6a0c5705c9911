#include "io/zstd_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>
#include <zstd.h>

#include "support/mutate.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;
constexpr std::uint64_t kNoCap = UINT64_MAX;

std::string compress(std::string_view text, int level = 3) {
  std::string out;
  ZstdWriter writer(
      [&](std::span<const std::byte> b) {
        out.append(reinterpret_cast<const char*>(b.data()), b.size());
      },
      level);
  for (std::size_t at = 0; at < text.size(); at += 1000) writer.write(text.substr(at, 1000));
  writer.finish();
  return out;
}

// Input in pieces of `piece` bytes, output in pieces of 777.
std::string decompress(std::string_view bytes, std::uint64_t cap = kNoCap,
                       std::size_t piece = 100) {
  const auto whole = read_from_memory(std::as_bytes(std::span(bytes)));
  ZstdReader reader(
      [&](std::span<std::byte> out) { return whole(out.first(std::min(piece, out.size()))); },
      "a.zst", cap);
  std::string out;
  std::byte buffer[777];
  while (const std::size_t got = reader.read(buffer)) {
    out.append(reinterpret_cast<const char*>(buffer), got);
  }
  EXPECT_EQ(reader.read(buffer), 0u) << "the end stays the end";
  return out;
}

std::string text_of(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; out.size() < size; ++i) out += std::to_string(i * i) + ' ';
  out.resize(size);
  return out;
}

std::string skippable(std::string_view content) {
  std::string out("\x5a\x2a\x4d\x18", 4);
  const auto size = static_cast<std::uint32_t>(content.size());
  for (int i = 0; i < 4; ++i) out += static_cast<char>((size >> (8 * i)) & 0xff);
  return out + std::string(content);
}

TEST(ZstdStream, RoundTrips) {
  for (const std::size_t size : {0u, 1u, 999u, 1000u, 300'000u, 3'000'000u}) {
    const std::string text = text_of(size);
    EXPECT_EQ(decompress(compress(text)), text) << size;
    EXPECT_EQ(decompress(compress(text, 1), size, 1 << 20), text) << size;
  }
  EXPECT_EQ(decompress(compress("abc"), kNoCap, 1), "abc");
}

TEST(ZstdStream, ReadsWhatTheLibraryWrites) {
  const std::string text = text_of(50'000);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 19));
  EXPECT_EQ(decompress(out), text);
}

TEST(ZstdStream, ConcatenatedAndSkippableFrames) {
  EXPECT_EQ(decompress(compress("one ") + compress("") + compress("two")), "one two");
  EXPECT_EQ(decompress(skippable("x") + compress("a") + skippable(std::string(5000, 'y')) +
                       compress("b") + skippable("")),
            "ab");
  EXPECT_EQ(decompress(skippable("only")), "");
}

TEST(ZstdStream, KnowsItsMagic) {
  const auto looks = [](std::string_view s) {
    return looks_like_zstd(std::as_bytes(std::span(s)));
  };
  EXPECT_TRUE(looks(compress("a")));
  EXPECT_TRUE(looks(skippable("a")));
  EXPECT_FALSE(looks("plain text"));
  EXPECT_FALSE(looks("\x28\xb5\x2f"));
}

TEST(ZstdStream, ReadsADescriptor) {
  test::TempFolder folder;
  const std::string path = folder.write("a.zst", compress("hello"));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ZstdReader reader(read_from_descriptor(fd, path), path, kNoCap);
  std::byte buffer[16];
  EXPECT_EQ(reader.read(buffer), 5u);
  EXPECT_EQ(reader.read(buffer), 0u);
  ::close(fd);
  expect_refused(ErrorCode::kIo, "cannot read", [&] { read_from_descriptor(fd, path)(buffer); });
}

TEST(ZstdMalformed, EmptyAndCutAtEveryByte) {
  expect_refused(kInvalid, "ends inside a frame", [] { decompress(""); });
  const std::string bytes = compress(text_of(5000));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    expect_refused(kInvalid, "ends inside a frame", [&] { decompress(bytes.substr(0, size)); });
  }
  const std::string skip = skippable("abcdef");
  for (std::size_t size = 1; size < skip.size(); ++size) {
    expect_refused(kInvalid, "ends inside a frame", [&] { decompress(skip.substr(0, size)); });
  }
}

TEST(ZstdMalformed, OtherBytes) {
  expect_refused(kInvalid, "no zstd frame", [] { decompress("this is plain text"); });
  expect_refused(kInvalid, "no zstd frame", [] { decompress(compress("a") + "trailing bytes"); });
}

TEST(ZstdMalformed, BadChecksum) {
  std::string bytes = compress(text_of(5000));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  expect_refused(kInvalid, "corrupt", [&] { decompress(bytes); });
}

TEST(ZstdMalformed, AWindowOfTwoGigabytes) {
  // Frame header: magic, descriptor without single segment, window byte: 2^(10 + 21) bytes.
  std::string bytes("\x28\xb5\x2f\xfd\x00", 5);
  bytes += static_cast<char>(21 << 3);
  bytes += std::string("\x01\x00\x00", 3);  // an empty last block
  expect_refused(ErrorCode::kLimit, "window of more than 128 MB", [&] { decompress(bytes); });
  bytes[5] = static_cast<char>(17 << 3);  // 2^27 is taken
  EXPECT_EQ(decompress(bytes), "");
}

TEST(ZstdMalformed, ABomb) {
  const std::string bytes = compress(std::string(64 << 20, '\0'));
  ASSERT_LT(bytes.size(), 10'000u);
  expect_refused(ErrorCode::kLimit, "more than the limit of 1000000",
                 [&] { decompress(bytes, 1'000'000); });
  EXPECT_EQ(decompress(bytes, 64 << 20).size(), 64u << 20);
}

TEST(ZstdMutants, AreRefusedOrShort) {
  const std::string text = text_of(3000);
  const std::string original = compress(text) + skippable("s") + compress(text);
  test::Mutator mutator(11);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = mutator.mutant(original, 64);
    try {
      EXPECT_LE(decompress(bytes, 1 << 20).size(), 1u << 20);
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == kInvalid || e.code() == ErrorCode::kLimit) << e.what();
    }
  }
}

}  // namespace
}  // namespace lathe
