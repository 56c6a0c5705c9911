#include "base/json.h"

#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/mutate.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::expect_refused;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;

void refused(std::string_view part, std::string_view text) {
  expect_refused(kInvalid, part, [&] { parse_json(text, "config.json"); });
}

TEST(Json, ParsesEveryKindOfValue) {
  const auto doc = parse_json(
      R"({"a":[1,-2,2.5,true,null,"é\n\ud83d\ude00"],"b":{"c":{}},"big":18446744073709551615})",
      "f");
  EXPECT_EQ(doc["a"].size(), 6u);
  EXPECT_EQ(doc["a"][1], -2);
  EXPECT_EQ(doc["a"][2], 2.5);
  EXPECT_EQ(doc["a"][5], "é\n😀");
  EXPECT_TRUE(doc["b"]["c"].is_object());
  EXPECT_EQ(doc["big"], UINT64_MAX);
  EXPECT_EQ(parse_json(" 7 ", "f"), 7);
  EXPECT_EQ(parse_json("[]", "f").size(), 0u);
}

TEST(Json, AgreesWithThePlainParser) {
  const std::string text =
      R"([{"k":[[],[{}],{"x":[1,[2,[3]]]}]},"s",[[[1.5e3]]],{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}])";
  EXPECT_EQ(parse_json(text, "f"), nlohmann::json::parse(text));
}

TEST(JsonMalformed, SyntaxNamesFileAndByte) {
  refused("\"config.json\": is not valid JSON at byte", "");
  refused("at byte 5", "{\"a\"x");
  for (const char* text :
       {"{", "[1,]", "{\"a\":}", "[1] 2", "nul", "\"a", "01", "+1", ".5", "1.", "[NaN]",
        "[Infinity]", "[-Infinity]", "// c\n1", "{a:1}", "'a'", "\"\t\"", "[1\x01]"}) {
    refused("is not valid JSON", text);
  }
}

TEST(JsonMalformed, InvalidUtf8AndLoneSurrogates) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                           R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud83dx")"}) {
    refused("is not valid JSON", text);
  }
}

// The plain parser takes a NUL for the end of its input.
TEST(JsonMalformed, NulBytes) {
  refused("NUL byte at byte 2", std::string_view("{}\0", 3));
  refused("NUL byte at byte 2", std::string_view("{}\0garbage", 10));
  refused("NUL byte at byte 1", std::string_view("\"\0\"", 3));
}

TEST(JsonMalformed, NumbersThatOverflow) {
  refused("is not valid JSON", "1e400");
  refused("is not valid JSON", "[-1e999]");
}

TEST(JsonMalformed, DuplicateKeys) {
  refused("has the key \"a\" twice", R"({"a":1,"b":2,"a":3})");
  refused("has the key \"x\" twice", R"([{"o":{"x":1,"x":1}}])");
  EXPECT_NO_THROW(parse_json(R"([{"x":1},{"x":1,"y":{"x":1}}])", "f"));
}

TEST(JsonMalformed, NestingAHundredThousandDeep) {
  refused("nested more than 200 levels deep at byte 201", std::string(100'000, '['));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  refused("nested more than 200 levels", objects);
  const std::string most = std::string(200, '[') + std::string(200, ']');
  EXPECT_NO_THROW(parse_json(most, "f"));
  refused("nested more than 200 levels", "[" + most + "]");
}

TEST(JsonMalformed, TooLarge) {
  JsonLimits limits;
  limits.max_bytes = 10;
  expect_refused(ErrorCode::kLimit, "larger than the limit of 10",
                 [&] { parse_json("\"123456789\"", "f", limits); });
}

TEST(JsonMalformed, ControlBytesAreEscapedInMessages) {
  refused("<U+001B>", "\x1b[31m");
  refused("\\x1b", "{\"\\u001b[31m\":1,\"\\u001b[31m\":1}");
}

TEST(JsonView, ReadsTypedMembers) {
  const auto doc =
      parse_json(R"({"n":7,"d":1.5,"s":"t","b":true,"z":null,"a":[1,2],"o":{"p":{"q":"x"}}})", "f");
  const JsonView view(doc, "f");
  EXPECT_EQ(view.get_int("n"), 7);
  EXPECT_EQ(view.get_double("n"), 7.0);
  EXPECT_EQ(view.get_double("d"), 1.5);
  EXPECT_EQ(view.get_string("s"), "t");
  EXPECT_EQ(view.get_bool("b"), true);
  EXPECT_EQ(view.get_int("z"), std::nullopt);
  EXPECT_EQ(view.get_int("absent"), std::nullopt);
  EXPECT_TRUE(view.contains("o"));
  EXPECT_FALSE(view.contains("z"));
  EXPECT_EQ(view.at("a").items()[1].as_int(), 2);
  EXPECT_EQ(view.at("o").at("p").at("q").path(), "$.o.p.q");
  std::string keys;
  view.for_each([&](const std::string& key, const JsonView&) { keys += key; });
  EXPECT_EQ(keys, "abdnosz");
}

TEST(JsonView, NamesThePathOfWhatIsWrong) {
  const auto doc =
      parse_json(R"({"o":{"p":[1,"x"]},"big":18446744073709551615,"f":1.0})", "c.json");
  const JsonView view(doc, "c.json");
  const auto refused = [](std::string_view part, auto&& call) {
    expect_refused(kInvalid, part, call);
  };
  refused("\"c.json\": $.o.p[1] is not an integer", [&] { view.at("o").at("p").at(1).as_int(); });
  refused("$.o.p is not a string", [&] { view.at("o").get_string("p"); });
  refused("$.o.p has no element 2", [&] { view.at("o").at("p").at(2); });
  refused("$.o has no \"q\"", [&] { view.at("o").at("q"); });
  refused("$.f is not an object", [&] { view.at("f").find("x"); });
  refused("$.f is not an integer", [&] { view.get_int("f"); });
  refused("$.o is neither true nor false", [&] { view.get_bool("o"); });
  refused("$.big is 18446744073709551615", [&] { view.get_int("big"); });
  refused("5 to 6 are possible", [&] { view.at("o").at("p").at(std::size_t{0}).as_int(5, 6); });
}

TEST(Json, QuotesAnyText) {
  EXPECT_EQ(json_quote("a\"\\\n\x01é"), R"("a\"\\\n\u0001é")");
  EXPECT_EQ(json_quote("\xff"), "\"\xef\xbf\xbd\"");
}

// Where the plain parser accepts, this one does too, unless it is stricter by intent.
TEST(JsonMutants, AreRefusedOrEqualToThePlainParsers) {
  const std::string original =
      R"({"a":[1,-2,3.5e2,true,false,null],"b":{"c":"\u00e9\n","d":{"e":[[],{}]}},"f":"text"})";
  test::Mutator mutator(7);
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = mutator.mutant(original, original.size());
    const bool plain = text.find('\0') == std::string::npos && nlohmann::json::accept(text);
    try {
      const auto ours = parse_json(text, "m");
      ++accepted;
      ASSERT_TRUE(plain) << text;
      EXPECT_EQ(ours, nlohmann::json::parse(text));
    } catch (const Error& e) {
      const bool stricter = e.message().find("twice") != std::string::npos;
      EXPECT_TRUE(!plain || stricter) << e.what() << "\n" << text;
    }
  }
  EXPECT_GT(accepted, 50);
}

}  // namespace
}  // namespace lathe
