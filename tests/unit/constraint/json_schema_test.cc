// Which texts a JSON schema allows.
#include <gtest/gtest.h>

#include "lathe/constraint.h"

#include "support/refusal.h"

namespace lathe {
namespace {

class Schema {
 public:
  explicit Schema(std::string_view text) : grammar_(Grammar::json_schema(text, "s")) {}
  bool allows(std::string_view text) const { return grammar_->match(text).complete; }

 private:
  std::shared_ptr<const Grammar> grammar_;
};

void expect(std::string_view schema, std::initializer_list<const char*> allowed,
            std::initializer_list<const char*> refused) {
  const Schema s(schema);
  for (const char* text : allowed)
    EXPECT_TRUE(s.allows(text)) << schema << " should allow " << text;
  for (const char* text : refused) EXPECT_FALSE(s.allows(text)) << schema << " allowed " << text;
}

void expect_unsupported(std::string_view schema, std::string_view message) {
  test::expect_refused(ErrorCode::kUnsupported, message,
                       [&] { Grammar::json_schema(schema, "s"); });
}

TEST(JsonSchema, KnowsTypes) {
  expect(R"({"type":"string"})", {R"("")", R"("a\u00e9\n\ud83d\ude00 é")"},
         {"1", R"("a)", R"("\ud83d")", "\"\n\"", "\"\xff\""});
  expect(R"({"type":"integer"})", {"0", "-12", "12345678901234567890"}, {"1.0", "01", "+1", "1e2"});
  expect(R"({"type":"number"})", {"0", "-1.50", "1e-7", "2E+279"}, {".5", "1.", "1e999", "NaN"});
  expect(R"({"type":["null","boolean"]})", {"null", "true", "false"}, {"0", "nul", "True"});
  expect("true", {"[1, {\"a\": null}]", "{\n  \"x\": []\n}"}, {"", "[1,]", "{\"a\"}"});
}

TEST(JsonSchema, KnowsObjects) {
  const char* text = R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},
      "c":{"type":"boolean"}},"required":["b"],"additionalProperties":false})";
  expect(text,
         {R"({"b":null})", R"({"a": 1, "b": null})", R"({"b":null,"c":true})",
          "{\n\t\"a\": 1,\n\t\"b\": null\n}"},
         {"{}", R"({"a":1})", R"({"a":1,"c":true})", R"({"b":null,})", R"({"b":null,"x":1})",
          R"({"b":null,"a":1})"});
  expect(R"({"properties":{"a":{"type":"integer"},"ab":{}},"additionalProperties":{"type":"null"},
      "type":"object"})",
         {"{}", R"({"a":1,"b":null})", R"({"":null,"abc":null})", R"({"A":null})"},
         {R"({"a":null})", R"({"b":1})", R"({"\u0061":null})"});
  expect(R"({"type":"object","required":["x"]})", {R"({"x":1,"y":2})"}, {"{}", R"({"y":2})"});
  expect(
      R"({"type":"object","minProperties":1,"maxProperties":2,"propertyNames":{"pattern":"^[ab]$"}})",
      {R"({"a":1})", R"({"a":1,"b":2})"}, {"{}", R"({"c":1})", R"({"a":1,"b":1,"a":1})"});
}

TEST(JsonSchema, FindsMembersByPatternsOfTheirNames) {
  expect(R"({"type":"object","patternProperties":{"^f":{"type":"integer"},"o$":{"maximum":5}},
      "properties":{"foo":{"minimum":2},"x":{"type":"null"}},"additionalProperties":false})",
         {"{}", R"({"foo":3})", R"({"x":null,"f":9})", R"({"fo":5,"o":"text"})"},
         {R"({"foo":1})", R"({"foo":6})", R"({"foo":"a"})", R"({"fo":6})", R"({"f":"a"})",
          R"({"y":1})", R"({"x":1})", R"({"f":1,"x":null})"});
  expect(R"({"type":"object","patternProperties":{"^a":{"type":"null"}},
      "additionalProperties":{"type":"boolean"},"required":["ab"]})",
         {R"({"ab":null,"b":true})"},
         {R"({"ab":true})", R"({"b":true})", R"({"ab":null,"b":null})"});
  expect(
      R"({"type":"object","patternProperties":{"":{"type":"null"}},"additionalProperties":true})",
      {R"({"a":null})"}, {R"({"a":1})"});
  expect(R"({"type":"object","patternProperties":{"a":{"type":"null"}},
      "propertyNames":{"maxLength":2},"allOf":[{"patternProperties":{"b":false}}]})",
         {R"({"ac":null,"cc":1})"}, {R"({"ab":null})", R"({"acc":null})", R"({"b":1})"});
  expect_unsupported(R"({"type":"object","patternProperties":
      {"a":{},"b":{},"c":{},"d":{},"e":{},"f":{},"g":{}}})",
                     "more than 6 patterns");
}

TEST(JsonSchema, KnowsArrays) {
  expect(R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})",
         {"[1,2]", "[1, 2, 3]"}, {"[]", "[1]", "[1,2,3,4]", "[1,\"a\"]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":false})",
         {"[]", "[1]", "[1,null]"}, {"[null]", "[1,null,1]"});
  expect(
      R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":3})",
      {"[1,null,null]"}, {"[1,null]", "[null,null,null]"});
  expect(R"({"type":"array","maxItems":0})", {"[]", "[ ]"}, {"[1]"});
}

TEST(JsonSchema, KnowsBoundsOfNumbers) {
  expect(R"({"type":"integer","minimum":-3,"maximum":120})", {"-3", "0", "-0", "99", "120"},
         {"-4", "121", "1000", "-30"});
  expect(R"({"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":101.5})", {"10", "99", "101"},
         {"9", "102", "1"});
  expect(R"({"type":"number","minimum":0.25,"exclusiveMaximum":3})",
         {"0.25", "0.3", "1", "2.99", "2.0"}, {"0", "0.2", "0.249", "3", "3.0", "-1", "1e0"});
  expect(R"({"type":"number","maximum":-1.5})", {"-1.5", "-2", "-1.50", "-99.1"},
         {"-1.4", "0", "1"});
  expect(R"({"type":"number","exclusiveMinimum":0})", {"0.1", "7", "0.001"}, {"0", "0.0", "-1"});
}

TEST(JsonSchema, KnowsStrings) {
  expect(R"({"type":"string","minLength":2,"maxLength":3})", {R"("ab")", R"("é\u00e9\n")"},
         {R"("a")", R"("abcd")"});
  expect(R"({"type":"string","pattern":"^[a-c]+$"})", {R"("abc")"}, {R"("")", R"("abd")"});
  expect(R"({"type":"string","pattern":"b\"?c"})", {R"("abcd")", R"("b\"c")"}, {R"("b\\c")"});
  expect(R"({"type":"string","pattern":"^a","maxLength":3,"allOf":[{"pattern":"z$"}]})",
         {R"("az")", R"("abz")"}, {R"("abbz")", R"("a")"});
  expect(R"({"type":"string","format":"date"})", {R"("2024-02-28")"},
         {R"("2024-02-30")", R"("2024-13-01")"});
  expect(R"({"format":"ipv4","type":"string"})", {R"("127.0.0.1")"}, {R"("256.0.0.1")"});
}

TEST(JsonSchema, KnowsListedValues) {
  expect(R"({"enum":[1,"é",null,{"a":[true]}]})",
         {"1", "\"é\"", "\"\\u00e9\"", "null", R"({"a": [true]})"}, {"2", "true", R"({"a":[]})"});
  expect(R"({"enum":[1,2,3,"x"],"type":"integer","minimum":2})", {"2", "3"}, {"1", "\"x\""});
  expect(R"({"const":"a","minLength":1})", {R"("a")"}, {R"("b")"});
}

TEST(JsonSchema, CombinesSchemas) {
  expect(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"1", R"("a")"},
         {R"("ab")", "null"});
  expect(R"({"type":"object","properties":{"a":{}},"allOf":[{"properties":{"a":{"type":"integer"}},
      "required":["a"]}],"anyOf":[{"required":["b"]},{"required":["c"]}]})",
         {R"({"a":1,"b":2})", R"({"a":1,"c":2})"}, {R"({"a":1})", R"({"a":"x","b":1})"});
  expect(R"({"oneOf":[{"properties":{"k":{"const":1}},"required":["k"],"type":"object"},
      {"properties":{"k":{"const":2}},"required":["k"],"type":"object"},{"type":"null"}]})",
         {R"({"k":1})", R"({"k":2,"x":0})", "null"}, {R"({"k":3})"});
}

TEST(JsonSchema, FollowsReferencesAndRecursion) {
  expect(
      R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"next":{"$ref":"#/$defs/t"}},
      "additionalProperties":false}}})",
      {"{}", R"({"next":{"next":{}}})"}, {R"({"next":1})"});
  expect(R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect(R"({"$ref":"#here","$defs":{"x":{"$anchor":"here","type":"null"}}})", {"null"}, {"1"});
}

TEST(JsonSchema, RefusesByNameWhatItDoesNotEnforce) {
  expect_unsupported(R"({"type":"array","uniqueItems":true})", "$.uniqueItems is not enforced");
  expect_unsupported(R"({"properties":{"a":{"not":{}}}})", "$.properties.a.not");
  expect_unsupported(R"({"format":"regex"})", "\"regex\"");
  expect_unsupported(R"({"oneOf":[{"type":"string"},{"maxLength":3}]})", "number 1 and 2");
  expect_unsupported(R"({"$ref":"http://example.com/x"})", "another document");
  expect_unsupported("{\"pattern\":\"(?=a)\"}", "looking ahead");
  const auto lenient = Grammar::json_schema(R"({"type":"array","uniqueItems":true})", "s", true);
  EXPECT_TRUE(lenient->match("[1,1]").complete);
}

TEST(JsonSchema, PassesOverWordsOfNobodyButNotOverSlips) {
  expect(
      R"({"type":"integer","javaType":"Long","_format":"x","id":"y","$license":"MIT","links":[]})",
      {"1"}, {"\"1\""});
  expect(R"({"type":"string","format":"java-class"})", {R"("a b")"}, {"1"});
  for (const auto& [slip, keyword] : std::vector<std::pair<std::string, std::string>>{
           {"additonalProperties", "additionalProperties"},
           {"requierd", "required"},
           {"maxLenght", "maxLength"},
           {"Minimum", "minimum"}}) {
    test::expect_refused(ErrorCode::kInvalid, "should it be \"" + keyword + "\"", [&] {
      Grammar::json_schema("{\"type\":\"object\",\"" + slip + "\":1}", "s");
    });
    Grammar::json_schema("{\"type\":\"object\",\"" + slip + "\":1}", "s", true);
  }
}

TEST(JsonSchema, ReadsWhatOlderDraftsSaidOtherwise) {
  expect(R"({"type":"array","items":[{"type":"integer"},{"type":"null"}],"additionalItems":false})",
         {"[]", "[1]", "[1,null]"}, {"[null]", "[1,null,1]"});
  expect(R"({"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"string"}})",
         {"[1,\"a\"]"}, {"[1,1]"});
  expect(R"({"type":"array","items":{"type":"integer"},"additionalItems":false})", {"[1,2]"},
         {"[null]"});
  expect(
      R"({"type":"integer","minimum":3,"exclusiveMinimum":true,"maximum":7,"exclusiveMaximum":false})",
      {"4", "7"}, {"3", "8"});
  expect(R"({"$ref":"http://e.org/s.json#/definitions/a","id":"http://e.org/s.json#",
             "definitions":{"a":{"type":"null"}}})",
         {"null"}, {"1"});
}

TEST(JsonSchema, KnowsReferencesOfUris) {
  expect(R"({"type":"string","format":"uri-reference"})",
         {R"("")", R"("a/b?c#d")", R"("/x")", R"("//h.org/x")", R"("#f")", R"("http://h.org")"},
         {R"("a b")", R"("%zz")", R"(":x")"});
  expect(R"({"type":"string","format":"relative-json-pointer"})",
         {R"("0")", R"("1/a~1b")", R"("2#")"}, {R"("/a")", R"("01")", R"("1a")"});
}

TEST(JsonSchema, RefusesWhatMakesNoSense) {
  const auto refuse = [](std::string_view schema, std::string_view message) {
    test::expect_refused(ErrorCode::kInvalid, message, [&] { Grammar::json_schema(schema, "s"); });
  };
  refuse("{", "is not valid JSON");
  refuse(R"({"type":"text"})", "$.type is no type");
  refuse(R"({"$ref":"#"})", "refers to itself");
  refuse(
      R"({"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
      "refers to itself");
  refuse(R"({"$ref":"#/$defs/none"})", "refers to what is not there");
  refuse(R"({"type":"string","minLength":3,"maxLength":2})", "allows no text");
  refuse("false", "allows no text");
  refuse(R"({"minLength":-1})", "is no count");
}

}  // namespace
}  // namespace lathe
