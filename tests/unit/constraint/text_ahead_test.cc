// What is guessed to come next.
#include "constraint/text_ahead.h"

#include <gtest/gtest.h>

#include "constraint/grammar.h"

namespace lathe {
namespace {

std::string ahead(const std::shared_ptr<const Grammar>& grammar, std::string_view text,
                  std::size_t most = 100) {
  Recognizer recognizer(grammar->impl().program());
  ConfigId at = recognizer.start();
  for (const char c : text) at = recognizer.step(at, static_cast<std::uint8_t>(c));
  TextAhead guess;
  guess.follow(text);
  return guess.guess(recognizer, at, most);
}

TEST(TextAhead, IsWhatHasNoChoice) {
  const auto grammar = Grammar::gbnf("root ::= \"abc\" (\"def\" | \"deg\") \"h\"", "g");
  EXPECT_EQ(ahead(grammar, ""), "abcde");
  EXPECT_EQ(ahead(grammar, "abcdef"), "h");
  EXPECT_EQ(ahead(grammar, "abcdefh"), "");
  EXPECT_EQ(ahead(grammar, "", 2), "ab");
}

TEST(TextAhead, EndsWhereTheTextMayEnd) {
  EXPECT_EQ(ahead(Grammar::gbnf("root ::= \"a\" \"bc\"?", "g"), ""), "a");
}

TEST(TextAhead, TakesWhiteSpaceAsItWas) {
  const auto grammar = Grammar::json_schema(
      R"({"type":"object","properties":{"a":{"type":"integer"},"name":{"type":"integer"},
          "last":{"const":null}},"required":["a","name","last"],"additionalProperties":false})",
      "s");
  EXPECT_EQ(ahead(grammar, ""), "{\"a\":");
  EXPECT_EQ(ahead(grammar, "{\"a\": 1"), "");
  EXPECT_EQ(ahead(grammar, "{\"a\": 1,"), "\"name\": ");
  EXPECT_EQ(ahead(grammar, "{\n  \"a\": 1,\n"), "\"name\": ");
  EXPECT_EQ(ahead(grammar, "{\"a\": 1, \"name\": 2, "), "\"last\": null}");
  EXPECT_EQ(ahead(grammar, "{\"a\":1,\"name\":2,"), "\"last\":null}");
}

}  // namespace
}  // namespace lathe
