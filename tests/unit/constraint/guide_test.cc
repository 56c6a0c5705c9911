// Which tokens may come, against trying each.
#include "constraint/guide.h"

#include <gtest/gtest.h>
#include <random>

#include "constraint/grammar.h"
#include "constraint/recognizer.h"
#include "constraint/vocabulary.h"

namespace lathe {
namespace {

// All bytes, and pieces that span what grammars tell apart, cut characters or have one text twice.
std::vector<std::string> texts() {
  std::vector<std::string> out;
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {"",
                            "{\"",
                            "\": ",
                            "\", \"",
                            "\"}",
                            "\"},",
                            "}}",
                            "]}",
                            "true",
                            "tru",
                            "rue,",
                            " \"",
                            "name",
                            "na",
                            "me\":",
                            "abc",
                            "abcabc",
                            "é",
                            "éé",
                            "あ",
                            "あい",
                            "\xe3\x81",
                            "\x82\x84\xe3",
                            "12",
                            "123",
                            "1.5",
                            ".5e",
                            "null",
                            "[[",
                            "]]",
                            "\\n",
                            "\\\"",
                            "\\u00",
                            "n\"",
                            "\\",
                            "a\\",
                            " abc",
                            " Ab1",
                            " éa",
                            "AbZ",
                            "word9",
                            "w-rd",
                            "\u2028",
                            "a\u2028b",
                            " あい",
                            "\n  ",
                            "  ",
                            "a",
                            "a\", \"b\":",
                            "x\"}]",
                            "-",
                            "--",
                            "0",
                            "00"}) {
    out.emplace_back(piece);
  }
  return out;
}

ConfigId after(Recognizer& recognizer, ConfigId at, std::string_view text) {
  for (const char c : text) at = recognizer.step(at, static_cast<std::uint8_t>(c));
  return at;
}

// Goes through answers of a grammar at random, and compares each mask with the tokens that the
// recognizer itself reads.
void check_masks(const std::shared_ptr<const Grammar>& grammar, std::uint64_t seed) {
  const auto vocabulary = std::make_shared<const Vocabulary>(texts());
  const auto constraint = Constraint::create(grammar, vocabulary);
  std::mt19937_64 random(seed);
  Recognizer recognizer(grammar->impl().program());
  for (int round = 0; round < 10; ++round) {
    Guide guide(constraint, false);
    ConfigId at = recognizer.start();
    std::string text;
    for (int step = 0; step < 40; ++step) {
      std::vector<TokenId> allowed;
      for (TokenId id = 0; static_cast<std::size_t>(id) < vocabulary->size(); ++id) {
        const std::string_view piece = vocabulary->text(id);
        const bool reads = !piece.empty() && after(recognizer, at, piece) != Recognizer::kDead;
        ASSERT_EQ(guide.mask().has(id), reads) << "after " << text << ": " << piece;
        if (reads) allowed.push_back(id);
      }
      EXPECT_EQ(guide.complete(), grammar->match(text).complete) << text;
      EXPECT_EQ(guide.goes_on(), !allowed.empty()) << text;
      EXPECT_TRUE(guide.complete() || !allowed.empty()) << text;
      if (allowed.empty()) break;
      const TokenId id = allowed[random() % allowed.size()];
      text += vocabulary->text(id);
      at = after(recognizer, at, vocabulary->text(id));
      guide.accept(id);
    }
  }
}

TEST(Guide, AllowsTheTokensOfJson) { check_masks(Grammar::json_object(), 1); }

TEST(Guide, AllowsTheTokensOfSchemas) {
  for (
      const char* schema :
      {R"({"type":"object","properties":{"name":{"type":"string","maxLength":5},"na":{"type":"number"}},
           "required":["name"]})",
       R"({"type":"array","items":{"anyOf":[{"type":"string","pattern":"^(ab|é)*c?$"},{"$ref":"#"},
           {"type":"integer","minimum":5,"maximum":130}]},"maxItems":3})"}) {
    check_masks(Grammar::json_schema(schema, "s"), 2);
  }
}

TEST(Guide, AllowsTheTokensOfAmbiguousAndLeftRecursiveGrammars) {
  for (const char* text :
       {"root ::= root root | [a-c] | \"abc\" | \"\"",
        "root ::= root \", \" x | x\nx ::= [a-z]{2,4} | [あ-ん]+",
        "root ::= \"(\" root? \")\" | a{3,7} b\na ::= \"a\" | \"aa\" | \"é\"\nb ::= a*",
        "root ::= ([a-b]{2,9} \"n\"?){1,20} \"\\\"\""}) {
    check_masks(Grammar::gbnf(text, "g"), 3);
  }
}

TEST(Guide, CountsWhereTokensReachTheBound) {
  check_masks(Grammar::regex("[a-cé]{0,12}"), 4);
  check_masks(Grammar::regex("([a-c]{3}|é){5,6}x?"), 5);
}

// Where any text may stand, for a while or but for some characters, most tokens are not looked at.
TEST(Guide, AllowsTheTokensOfPlacesWhereAnyTextMayStand) {
  for (const char* pattern :
       {"[a-z]*", "[A-Za-z]+9", "\\w{3,40}", "[^\\s]*", ".{2,}", ".{1,6}é", "[^a]*", "( [a-z]+)*",
        "[^x]{0,3}[a-z]{60}", "(a|[a-z]{2}|.)*", "[\\u0080-\\uffff]*", "[^あ]*z"}) {
    check_masks(Grammar::regex(pattern), 6);
  }
}

TEST(Guide, AllowsTheTokensOfStringsThatAreBound) {
  for (const char* schema :
       {R"({"type":"string","maxLength":4})", R"({"type":"string","minLength":3,"maxLength":60})",
        R"({"type":"string","pattern":"^\\w+ .*$","maxLength":12})",
        R"({"type":"object","properties":{"abc":{"type":"null"},"na":{}},
            "additionalProperties":{"type":"string","pattern":"[A-Z]"}})"}) {
    check_masks(Grammar::json_schema(schema, "s"), 7);
  }
}

TEST(Guide, DropsTheFirstSpaceOfATextThatBegins) {
  const auto vocabulary = std::make_shared<const Vocabulary>(
      std::vector<std::string>{"yes", " yes", "  yes", " ", "no"});
  const auto constraint = Constraint::create(Grammar::regex("yes( yes)?"), vocabulary);
  Guide guide(constraint, true);
  const std::vector<bool> expected{true, true, false, false, false};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(guide.mask().has(static_cast<TokenId>(i)), expected[i]) << i;
  }
  guide.accept(1);
  EXPECT_TRUE(guide.complete());
  EXPECT_TRUE(guide.mask().has(1));
  EXPECT_FALSE(guide.mask().has(0));
}

TEST(Guide, SharesWhatOthersHaveComputed) {
  const auto vocabulary = std::make_shared<const Vocabulary>(texts());
  const auto constraint = Constraint::create(Grammar::json_object(), vocabulary);
  Guide a(constraint, false), b(constraint, false);
  EXPECT_EQ(&a.mask(), &b.mask());
  a.accept('{');
  EXPECT_NE(&a.mask(), &b.mask());
  b.accept('{');
  EXPECT_EQ(&a.mask(), &b.mask());
}

}  // namespace
}  // namespace lathe
