#include "common/input.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "lathe/error.h"

namespace lathe::tool {
namespace {

class InputTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::temp_directory_path() /
              (name + "-" + std::to_string(static_cast<long>(::getpid())));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& content) {
    const auto path = folder_ / "input";
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  // Each line with what is known of it: "!" cut off, "~" without its newline.
  static std::vector<std::string> lines(const std::string& path, std::size_t max_line = 1 << 20) {
    std::vector<std::string> out;
    LineReader reader(path, max_line);
    while (const auto line = reader.next()) {
      out.push_back(std::string(line->text) + (line->too_long ? "!" : "") +
                    (line->ended ? "" : "~"));
    }
    return out;
  }

  std::filesystem::path folder_;
};

using Lines = std::vector<std::string>;

TEST_F(InputTest, CountsLinesAsTheirNewlinesDo) {
  EXPECT_EQ(lines(file("")), Lines{});
  EXPECT_EQ(lines(file("\n")), Lines{""});
  EXPECT_EQ(lines(file("a\n")), Lines{"a"});
  EXPECT_EQ(lines(file("a\n\nb")), (Lines{"a", "", "b~"}));
}

TEST_F(InputTest, TakesCarriageReturnsBeforeNewlinesOnly) {
  EXPECT_EQ(lines(file("a\r\nb\rc\n\r\n")), (Lines{"a", "b\rc", ""}));
}

TEST_F(InputTest, KeepsZeroBytes) {
  EXPECT_EQ(lines(file(std::string("a\0b\n", 4))), Lines{std::string("a\0b", 3)});
}

TEST_F(InputTest, CutsALongLineAndGoesOnBehindIt) {
  const std::string longer(10, 'x');
  EXPECT_EQ(lines(file("a\n" + longer + "\nb\n"), 4), (Lines{"a", "xxxx!", "b"}));
  EXPECT_EQ(lines(file(longer), 4), Lines{"xxxx!~"});
  EXPECT_EQ(lines(file("1234\n12345\n"), 4), (Lines{"1234", "1234!"}));
}

TEST_F(InputTest, CutsALineMuchLongerThanTheBuffer) {
  const std::string longer(1'000'000, 'x');
  EXPECT_EQ(lines(file(longer + "\nb\nc"), 100), (Lines{std::string(100, 'x') + "!", "b", "c~"}));
}

TEST_F(InputTest, ReadsLinesAcrossBufferBorders) {
  std::string content;
  Lines expected;
  for (int i = 0; i < 50'000; ++i) {
    expected.push_back(std::to_string(i * 7919));
    content += expected.back() + "\n";
  }
  EXPECT_EQ(lines(file(content)), expected);
}

TEST_F(InputTest, ReadsAllBytes) {
  std::string content(300'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31);
  EXPECT_EQ(read_all(file(content)), content);
  EXPECT_EQ(read_all(file("")), "");
}

TEST_F(InputTest, SaysWhatCannotBeRead) {
  for (const std::string& path : {folder_.string(), (folder_ / "absent").string()}) {
    try {
      read_all(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_NE(error.message().find(path), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace lathe::tool
