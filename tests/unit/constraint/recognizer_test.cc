// What is remembered, and forgotten.
#include "constraint/recognizer.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "lathe/constraint.h"

#include "constraint/grammar.h"

namespace lathe {
namespace {

ConfigId read(Recognizer& recognizer, ConfigId at, std::string_view text) {
  for (const char c : text) at = recognizer.step(at, static_cast<std::uint8_t>(c));
  return at;
}

TEST(Recognizer, KnowsAgainWhereItWas) {
  const auto json = Grammar::json_object();
  Recognizer recognizer(json->impl().program());
  const ConfigId a = read(recognizer, recognizer.start(), "{\"a\": [1, \"x");
  const ConfigId b = read(recognizer, a, "yz é \\n");
  EXPECT_EQ(a, b);
  const ConfigId list = read(recognizer, a, "\", ");
  EXPECT_EQ(list, read(recognizer, list, "null, "));
}

TEST(Recognizer, RecursionOnTheRightGrowsNothing) {
  const auto grammar = Grammar::gbnf("root ::= \"a\" root | \"b\"", "g");
  Recognizer recognizer(grammar->impl().program());
  const ConfigId a = read(recognizer, recognizer.start(), "aa");
  EXPECT_EQ(a, read(recognizer, a, "aaaaaaa"));
}

TEST(Recognizer, GoesOnAfterForgetting) {
  const auto json = Grammar::json_object();
  Recognizer recognizer(json->impl().program());
  ConfigId deep = recognizer.start();
  for (int i = 0; i < 500; ++i) deep = read(recognizer, deep, "{\"k\":");
  ConfigId other = read(recognizer, recognizer.start(), "{\"a\":[");
  const std::size_t before = recognizer.bytes();
  ConfigId* live[] = {&other};
  recognizer.forget(live);
  EXPECT_LT(recognizer.bytes(), before / 4);
  EXPECT_TRUE(recognizer.complete(read(recognizer, other, "1,2]}")));
  EXPECT_EQ(read(recognizer, other, "1}"), Recognizer::kDead);
}

}  // namespace
}  // namespace lathe
