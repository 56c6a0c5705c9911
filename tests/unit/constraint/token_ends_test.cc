// The shortest ends, against trying everything.
#include "constraint/token_ends.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

#include "constraint/grammar.h"
#include "constraint/guide.h"

namespace lathe {
namespace {

std::vector<std::string> pieces() {
  std::vector<std::string> out;
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {"{\"", "\": ", "\":", "\"}", "}}", "]]", "tru", "true", "nam", "name\"",
                            "12", "123", "ab", "abab", "\", \"", "null}", "aaa", "aaaa", "(("}) {
    out.emplace_back(piece);
  }
  return out;
}

const char* const kGrammars[] = {
    "root ::= \"a\"{3,9} (\"b\" | \"cc\"){2} \"d\"?",
    "root ::= ([a-b]{5,70} \"x\"){2,3}",
    "root ::= root \"+\" t | t\nt ::= \"(\" root \")\" | \"name\" | [0-9]{3}",
    "root ::= \"ab\" root \"]\" | \"c\" root | \"12\"",
    "root ::= (\"a\" | \"b\" list){40} \"!\"\nlist ::= \"[\" list* \"]\"",
    "root ::= x x x | \"(\"+\nx ::= \"true\" | \"\" | \"null\" x",
};

// The fewest steps from a place to a complete text; each way of `steps` goes one step on.
template <typename Steps>
std::optional<std::size_t> fewest(Recognizer& recognizer, ConfigId from, std::size_t most,
                                  const Steps& steps) {
  std::set<ConfigId> layer{from}, seen{from};
  for (std::size_t n = 0; n <= most; ++n) {
    std::set<ConfigId> next;
    for (const ConfigId at : layer) {
      if (recognizer.complete(at)) return n;
      for (const std::string& step : steps) {
        ConfigId to = at;
        for (const char c : step) to = recognizer.step(to, static_cast<std::uint8_t>(c));
        if (to != Recognizer::kDead && seen.insert(to).second) next.insert(to);
      }
    }
    layer = std::move(next);
  }
  return std::nullopt;
}

// Calls at places along random texts.
template <typename Call>
void at_random_places(Recognizer& recognizer, Call&& call) {
  std::mt19937 random(5);
  for (int round = 0; round < 12; ++round) {
    ConfigId at = recognizer.start();
    for (int step = 0; step < 25; ++step) {
      call(at);
      std::vector<ConfigId> next;
      for (int byte = 32; byte < 127; ++byte) {
        const ConfigId to = recognizer.step(at, static_cast<std::uint8_t>(byte));
        if (to != Recognizer::kDead) next.push_back(to);
      }
      if (next.empty()) break;
      at = next[random() % next.size()];
    }
  }
}

TEST(TokenEnds, KnowsTheFewestBytes) {
  std::vector<std::string> bytes;
  for (int byte = 32; byte < 127; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  for (const char* text : kGrammars) {
    Recognizer recognizer(Grammar::gbnf(text, "g")->impl().program());
    ShortestEnds ends(recognizer);
    at_random_places(recognizer, [&](ConfigId at) {
      const auto exact = fewest(recognizer, at, 11, bytes);
      if (exact) {
        EXPECT_EQ(ends.bytes(at), *exact) << text;
      } else {
        EXPECT_GT(ends.bytes(at), 11u) << text;
      }
    });
  }
}

TEST(TokenEnds, FindsTheFewestTokens) {
  const Vocabulary vocabulary(pieces());
  for (const char* text : kGrammars) {
    Recognizer recognizer(Grammar::gbnf(text, "g")->impl().program());
    TokenEnds ends(recognizer, vocabulary);
    at_random_places(recognizer, [&](ConfigId at) {
      const auto exact = fewest(recognizer, at, 8, pieces());
      if (!exact) return;
      const auto found = ends.find(at, *exact);
      ASSERT_TRUE(found) << text << " " << *exact;
      EXPECT_EQ(found->size(), *exact);
      EXPECT_TRUE(*exact == 0 || !ends.find(at, *exact - 1)) << text;
      for (const TokenId id : *found) {
        for (const char c : vocabulary.text(id)) {
          at = recognizer.step(at, static_cast<std::uint8_t>(c));
        }
      }
      EXPECT_TRUE(recognizer.complete(at)) << text;
    });
  }
}

// Whatever is chosen while there is room, the rest fits.
TEST(TokenEnds, LeaveRoomToTheLastToken) {
  const auto vocabulary = std::make_shared<const Vocabulary>(pieces());
  const auto constraint = Constraint::create(
      Grammar::json_schema(R"({"type":"object","properties":{"name":{"type":"string"},
          "list":{"type":"array","items":{"$ref":"#"}}},"required":["name"],
          "additionalProperties":false})",
                           "s"),
      vocabulary);
  std::mt19937 random(3);
  for (std::size_t room = 8; room < 60; ++room) {
    Guide guide(constraint, false);
    std::size_t left = room;
    for (; left > 0 && !(guide.complete() && !guide.goes_on()); --left) {
      TokenId id = static_cast<TokenId>(random() % vocabulary->size());
      while (!guide.mask().has(id)) id = static_cast<TokenId>((id + 1) % vocabulary->size());
      if (!guide.ends_within(id, left - 1)) {
        const auto ending = guide.ending(left);
        ASSERT_TRUE(ending) << room;
        if (ending->empty()) break;
        id = ending->front();
      }
      guide.accept(id);
    }
    EXPECT_TRUE(guide.complete()) << room;
  }
}

TEST(TokenEnds, SayWhereThereIsNoRoom) {
  const auto vocabulary = std::make_shared<const Vocabulary>(pieces());
  const auto constraint = Constraint::create(Grammar::regex("x{2000000000}"), vocabulary);
  const Guide guide(constraint, false);
  EXPECT_FALSE(guide.ending(1000));
}

}  // namespace
}  // namespace lathe
