#include "sgp/csv_reader.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lathe {
namespace {

// A source that hands out at most `piece` bytes at a time.
ByteSource in_pieces(std::string text, std::size_t piece) {
  auto at = std::make_shared<std::size_t>(0);
  return [text = std::move(text), piece, at](std::span<std::byte> out) {
    const std::size_t n = std::min({out.size(), piece, text.size() - *at});
    std::copy_n(reinterpret_cast<const std::byte*>(text.data()) + *at, n, out.data());
    *at += n;
    return n;
  };
}

std::vector<CsvRow> read(const std::string& text, std::size_t columns = 0, std::size_t piece = 7,
                         std::uint64_t most = 1000) {
  CsvReader reader(in_pieces(text, piece), most);
  reader.expect_columns(columns);
  std::vector<CsvRow> rows;
  while (auto row = reader.next()) rows.push_back(*std::move(row));
  return rows;
}

using Fields = std::vector<std::string>;

TEST(CsvReader, ReadsPlainAndQuotedFields) {
  const auto rows = read("a,b,c\n1,\"x, y\",\"say \"\"hi\"\"\"\n,\"\",\n");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].fields, (Fields{"a", "b", "c"}));
  EXPECT_EQ(rows[1].fields, (Fields{"1", "x, y", "say \"hi\""}));
  EXPECT_EQ(rows[2].fields, (Fields{"", "", ""}));
}

TEST(CsvReader, KeepsNewlinesInsideQuotesAsTheyAre) {
  const auto rows = read("\"a\r\nb\n\",c\nd,e\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].fields, (Fields{"a\r\nb\n", "c"}));
  EXPECT_EQ(rows[1].line, 4);
}

TEST(CsvReader, TakesCrLfAndAMissingFinalNewline) {
  for (const std::string text :
       {"a,b\r\n1,2\r\n", "a,b\r\n1,2", "a,b\n1,\"2\"", "a,b\n1,\"2\"\r\n"}) {
    const auto rows = read(text, 2);
    ASSERT_EQ(rows.size(), 2u) << text;
    EXPECT_EQ(rows[1].fields, (Fields{"1", "2"})) << text;
    EXPECT_EQ(rows[1].fault, "");
  }
}

TEST(CsvReader, PassesOverAByteOrderMark) {
  for (const std::size_t piece : {1u, 2u, 3u, 100u}) {
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "a,b\n",
                   0, piece)[0]
                  .fields,
              (Fields{"a", "b"}));
    EXPECT_EQ(read("\xef\xbb\xbf", 0, piece).size(), 0u);
    // A fullwidth Q begins with the same byte.
    EXPECT_EQ(read("\xef\xbc\xb1,b\n", 0, piece)[0].fields, (Fields{"\xef\xbc\xb1", "b"}));
  }
}

TEST(CsvReader, ReportsRaggedRowsOneByOne) {
  const auto rows = read("1,2\n1\n1,2,3\n3,4\n", 2);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[1].fault, "1 fields where the header has 2");
  EXPECT_EQ(rows[2].fault, "3 fields where the header has 2");
  EXPECT_EQ(rows[3].fault, "");
}

TEST(CsvReader, AnUnclosedQuoteIsAFaultThatNamesItsLine) {
  const auto rows = read("1,2\n3,\"4\n5,6\n", 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[1].fault.find("opens in line 2"), std::string::npos) << rows[1].fault;
}

TEST(CsvReader, AnUnclosedQuoteCostsOnlyTheRowsUpToTheNextQuote) {
  const auto rows = read("1,\"open\n3,\"shut\"\n5,6\n7,8\n", 2);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_NE(rows[0].fault.find("closing quote in line 2"), std::string::npos) << rows[0].fault;
  EXPECT_EQ(rows[1].fields, (Fields{"5", "6"}));
  EXPECT_EQ(rows[2].fields, (Fields{"7", "8"}));
}

TEST(CsvReader, AQuoteInsideAFieldIsAFault) {
  const auto rows = read("1,x\"y\"\n3,4\n", 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].fault.find("without quotes, in line 1"), std::string::npos) << rows[0].fault;
  EXPECT_EQ(rows[1].fields, (Fields{"3", "4"}));
}

TEST(CsvReader, TextAfterAClosingQuoteIsAFault) {
  const auto rows = read("1,\"x\"y\n3,4\n", 2);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].fault.find("must be doubled"), std::string::npos) << rows[0].fault;
  EXPECT_EQ(rows[1].fields, (Fields{"3", "4"}));
}

TEST(CsvReader, AFaultInTheQuotingPassesOverWhatCannotBeARow) {
  const auto rows = read("1,\"x\"y\nrest of it\nmore\" of it\n3,4\n5,6\n", 2);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_NE(rows[0].fault.find("passed over lines 2 to 3"), std::string::npos) << rows[0].fault;
  EXPECT_EQ(rows[1].fields, (Fields{"3", "4"}));
  EXPECT_EQ(rows[1].line, 4);
}

TEST(CsvReader, BlankLinesAreFaultsExceptAtTheEnd) {
  EXPECT_EQ(read("1,2\n\n\n", 2).size(), 1u);
  const auto rows = read("1,2\n\n\n3,4\n\n5,6\n", 2);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[1].fault, "2 blank lines");
  EXPECT_EQ(rows[3].fault, "a blank line");
  EXPECT_EQ(rows[4].fields, (Fields{"5", "6"}));
}

TEST(CsvReader, NulAndLoneCarriageReturnsAreFaults) {
  EXPECT_EQ(read(std::string("a\0b,c\n1,2\n", 10), 2)[0].fault, "a NUL byte in line 1");
  EXPECT_EQ(read("a\rb,c\n1,2\n", 2)[0].fault, "a carriage return inside line 1");
  EXPECT_EQ(read("\"a\rb\",c\n", 2)[0].fields, (Fields{"a\rb", "c"}));
}

TEST(CsvReader, ARowOverTheLimitIsAFaultAndNothingOfItIsKept) {
  const auto rows = read("1,\"" + std::string(5000, 'x') + "\"\n3,4\n", 2, 64, 100);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].too_long);
  EXPECT_EQ(rows[0].fault, "longer than the limit of 100 bytes for a row");
  EXPECT_TRUE(rows[0].fields.empty());
  EXPECT_EQ(rows[1].fields, (Fields{"3", "4"}));
}

TEST(CsvReader, NothingIsNoRow) {
  EXPECT_EQ(read("").size(), 0u);
  EXPECT_EQ(read("\n\n").size(), 0u);
}

}  // namespace
}  // namespace lathe
