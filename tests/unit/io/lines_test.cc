#include "lathe/host/lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "io/zstd_stream.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::TempFolder;

struct Seen {
  std::string text;
  std::uint64_t bytes, hash;
  bool too_long, ended;
};

std::vector<Seen> read(const std::string& path, std::size_t longest = 1 << 20) {
  LineOptions options;
  options.longest = longest;
  LineSource source(path, options);
  std::vector<Seen> out;
  while (const auto line = source.next()) {
    out.push_back({std::string(line->text), line->bytes, line->hash, line->too_long, line->ended});
  }
  return out;
}

std::vector<std::string> texts(const std::string& path) {
  std::vector<std::string> out;
  for (Seen& line : read(path)) out.push_back(std::move(line.text));
  return out;
}

class LinesTest : public testing::Test {
 protected:
  std::string file(const std::string& content, const std::string& name = "lines") {
    return folder_.write(name, content);
  }
  std::string compressed(const std::string& content) {
    std::string out;
    ZstdWriter writer([&](std::span<const std::byte> bytes) {
      out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    writer.write(content);
    writer.finish();
    return file(out, "lines.zst");
  }

  TempFolder folder_;
};

using Texts = std::vector<std::string>;

TEST_F(LinesTest, EndOfLines) {
  EXPECT_EQ(texts(file("")), Texts{});
  EXPECT_EQ(texts(file("\n")), Texts{""});
  EXPECT_EQ(texts(file("a")), Texts{"a"});
  EXPECT_EQ(texts(file("a\nb")), (Texts{"a", "b"}));
  EXPECT_EQ(texts(file("a\r\n\r\nb\r\n")), (Texts{"a", "", "b"}));
  EXPECT_EQ(texts(file("a\rb\n\r")), (Texts{"a\rb", "\r"}));
  EXPECT_EQ(texts(file(std::string("a\0b\n\xff\n", 6))), (Texts{std::string("a\0b", 3), "\xff"}));
  EXPECT_TRUE(read(file("a\n"))[0].ended);
  EXPECT_FALSE(read(file("a"))[0].ended);
}

TEST_F(LinesTest, ByteOrderMarkIsPassedOverOnce) {
  EXPECT_EQ(texts(file("\xef\xbb\xbf"
                       "a\n\xef\xbb\xbf"
                       "b\n")),
            (Texts{"a",
                   "\xef\xbb\xbf"
                   "b"}));
  EXPECT_EQ(texts(file("\xef\xbb\xbf")), Texts{});
  EXPECT_EQ(texts(compressed("\xef\xbb\xbf"
                             "a\n")),
            Texts{"a"});
  EXPECT_EQ(texts(file("\xef\xbb")), Texts{"\xef\xbb"});
}

TEST_F(LinesTest, CompressedInputIsKnownByItsBytes) {
  std::string content;
  for (int i = 0; i < 50000; ++i) content += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(texts(compressed(content)), texts(file(content)));
}

TEST_F(LinesTest, CutAndDamagedZstdIsAnError) {
  const std::string path = compressed(std::string(1000, 'x') + "\n" + std::string(1000, 'y'));
  ASSERT_EQ(::truncate(path.c_str(), 12), 0);
  expect_refused(ErrorCode::kInvalid, "ends inside a frame", [&] { texts(path); });
}

TEST_F(LinesTest, TooLongLinesKeepTheirBeginningAndTheirHash) {
  std::mt19937 random(7);
  for (const std::size_t size : {10u, 11u, 12u, 13u, 70'000u, 200'000u}) {
    std::string line(size, ' ');
    for (char& c : line) c = "ab\r"[random() % 3];
    line.back() = 'c';
    for (const char* end : {"\n", "\r\n", ""}) {
      const std::string path = file("first\n" + line + end + (*end ? "last" : ""));
      const auto wide = read(path), narrow = read(path, 11);
      ASSERT_EQ(wide.size(), narrow.size());
      ASSERT_EQ(wide[1].text, line);
      EXPECT_EQ(narrow[1].too_long, size > 11);
      EXPECT_EQ(narrow[1].text, line.substr(0, 11));
      EXPECT_EQ(narrow[1].hash, wide[1].hash);
      EXPECT_EQ(narrow[1].bytes, size);
      if (*end != '\0') {
        EXPECT_EQ(narrow[2].text, "last");
      }
    }
  }
}

TEST_F(LinesTest, OffsetsCountEveryByte) {
  const std::string content = "a\r\n\nlonger than the rest\nz";
  LineSource source(file(content));
  std::uint64_t last = 0;
  while (source.next()) last = source.offset();
  EXPECT_EQ(last, content.size());
}

TEST_F(LinesTest, OpenErrorsNameTheFile) {
  expect_refused(ErrorCode::kIo, "/nowhere/at/all", [] { LineSource source("/nowhere/at/all"); });
  expect_refused(ErrorCode::kIo, "folder", [&] { LineSource source(folder_.path()); });
}

// A line is given out as soon as it is there, and a wait can be ended from outside.
TEST_F(LinesTest, APipeIsReadAsItComes) {
  const std::string path = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  int stop[2];
  ASSERT_EQ(::pipe(stop), 0);
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (const std::string_view part : {"on", "e\ntw", "o\nthr"}) {
      EXPECT_EQ(::write(fd, part.data(), part.size()), static_cast<ssize_t>(part.size()));
      ::usleep(2000);
    }
    EXPECT_EQ(::write(stop[1], "x", 1), 1);
    ::usleep(20000);
    ::close(fd);
  });
  LineOptions options;
  options.cancel_descriptor = stop[0];
  LineSource source(path, options);
  // The stop may be seen before what was written ahead of it.
  Texts seen;
  while (const auto line = source.next()) seen.emplace_back(line->text);
  EXPECT_TRUE(source.cancelled());
  EXPECT_TRUE(seen == (Texts{"one", "two"}) || seen == Texts{"one"} || seen.empty());
  writer.join();
  ::close(stop[0]);
  ::close(stop[1]);
}

}  // namespace
}  // namespace lathe
