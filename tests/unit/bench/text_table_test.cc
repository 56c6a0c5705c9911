#include "bench/text_table.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>

#include "lathe/host/terminal_text.h"

namespace lathe {
namespace {

const TableLines kSpeeds = {{"model", "test", "size", "threads", "t/s"},
                            {"llama 1.1B w4", "pp512", "600.00 MiB", "2", "341.00 ± 1.00"},
                            {"llama 1.1B w4", "tg128", "600.00 MiB", "2", "80.00 ± 0.50"}};

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) most = std::max(most, width_of(line));
  return most;
}

TEST(TextTable, WithoutATerminalIsAsWideAsItIs) {
  EXPECT_EQ(text_table(kSpeeds, 2, 0), text_table(kSpeeds, 2, 200));
  EXPECT_GT(widest(text_table(kSpeeds, 2, 0)), 60u);
}

TEST(TextTable, WhatIsTheSameInEveryLineGoesInFront) {
  const std::string text = text_table(kSpeeds, 2, 50);
  EXPECT_EQ(text,
            "model: llama 1.1B w4\n\n"
            "| test  |       size | threads |           t/s |\n"
            "| ----- | ----------:| -------:| -------------:|\n"
            "| pp512 | 600.00 MiB |       2 | 341.00 ± 1.00 |\n"
            "| tg128 | 600.00 MiB |       2 |  80.00 ± 0.50 |\n");
  EXPECT_EQ(text_table(kSpeeds, 2, 40).substr(0, 39), "model: llama 1.1B w4, size: 600.00 MiB\n");
}

TEST(TextTable, LongNamesLoseTheirMiddle) {
  TableLines lines = kSpeeds;
  lines[1][0] = "a-model-with-a-name-that-never-ends-w4.lathe";
  lines[2][0] = "a-model-with-a-name-that-never-ends-w8.lathe";
  const std::string text = text_table(lines, 2, 60);
  EXPECT_EQ(widest(text), 60u) << text;
  EXPECT_NE(text.find("w4.lathe"), std::string::npos);
  EXPECT_NE(text.find("a-model"), std::string::npos);
}

TEST(TextTable, FitsWhateverItHolds) {
  for (std::size_t names = 1; names < 100; names += 7) {
    for (const bool same : {false, true}) {
      TableLines lines = kSpeeds;
      lines[1][1] = std::string(names, 'x');
      lines[2][1] = same ? lines[1][1] : std::string(names, 'y');
      EXPECT_LE(widest(text_table(lines, 2, 60).substr(same ? 100 + names : 0)), 60u) << names;
    }
  }
}

TEST(Shortened, KeepsBothEndsAndWholeLetters) {
  EXPECT_EQ(shortened("short", 5), "short");
  EXPECT_EQ(shortened("abcdefghij", 5), "ab…ij");
  EXPECT_EQ(shortened("abcdefghij", 6), "abc…ij");
  EXPECT_EQ(shortened("abcdefghij", 6, Lose::kEnd), "abcde…");
  EXPECT_EQ(shortened("äöüßéèàùâê", 5), "äö…âê");
  EXPECT_EQ(shortened("abcdefghij", 1), "…");
}

}  // namespace
}  // namespace lathe
