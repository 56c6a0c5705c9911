// Files and texts that ask for more time or memory than their size explains.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "support/cpu_time.h"
#include "support/refusal.h"
#include "support/small_tokenizers.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

using nlohmann::json;
using test::byte_tokenizer;
using test::create;
using test::expect_refused;
using test::expect_time_to_grow_with;

std::string repeat(std::string_view part, std::size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

json sequence(const char* list, const json& step, std::size_t times) {
  return {{"type", "Sequence"}, {list, json(times, step)}};
}

TEST(Hostile, ThousandsOfSteps) {
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  for (const auto& [part, list] :
       {std::pair{"pre_tokenizer", "pretokenizers"}, std::pair{"normalizer", "normalizers"},
        std::pair{"decoder", "decoders"}}) {
    json tokenizer = byte_tokenizer();
    tokenizer[part] = sequence(list, part[0] == 'd' ? json{{"type", "Fuse"}} : bytes, 25000);
    expect_refused(ErrorCode::kLimit, "more than 64 steps", [&] { create(tokenizer); });
  }
}

TEST(Hostile, RulesThatMultiplyText) {
  const json replace = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaaaa"}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const auto refuse = [](const char* part, const json& value, std::string_view text) {
    json tokenizer = byte_tokenizer();
    tokenizer[part] = value;
    const auto made = create(tokenizer);
    expect_refused(ErrorCode::kLimit, "64 times as long", [&] { made->encode(text); });
  };
  refuse("normalizer", sequence("normalizers", replace, 12), "a");
  refuse("normalizer", sequence("normalizers", bytes, 40), "\xc3\xa9");
  refuse("normalizer", {{"type", "Prepend"}, {"prepend", std::string(1 << 20, 'x')}}, "a");
  refuse("pre_tokenizer", sequence("pretokenizers", bytes, 40), "\xc3\xa9");
  refuse("pre_tokenizer",
         {{"type", "Metaspace"}, {"replacement", repeat("\xe2\x96\x81", 100000)}, {"split", false}},
         std::string(20000, ' '));

  json tokenizer = byte_tokenizer();
  tokenizer["decoder"] = sequence("decoders", replace, 12);
  const auto made = create(tokenizer);
  const std::vector<TokenId> ids{*made->token_id("a")};
  expect_refused(ErrorCode::kLimit, "64 times as long", [&] { made->decode(ids); });
  expect_refused(ErrorCode::kLimit, "64 times as long", [&] { made->stream({})->push(ids[0]); });
}

TEST(Hostile, TemplatesOfManyIds) {
  json tokenizer = byte_tokenizer();
  json single = json::array();
  for (int i = 0; i < 100; ++i) {
    single.push_back({{"SpecialToken", {{"id", "q"}, {"type_id", 0}}}});
  }
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", single},
      {"pair", json::array()},
      {"special_tokens",
       {{"q", {{"id", "q"}, {"ids", std::vector<int>(100, 7)}, {"tokens", {"q"}}}}}}};
  expect_refused(ErrorCode::kLimit, "more than 256 ids", [&] { create(tokenizer); });
}

TEST(Hostile, AFewTokensWithLargeIds) {
  json tokenizer = byte_tokenizer();
  tokenizer["added_tokens"] = {{{"id", 16000000}, {"content", "<x>"}, {"special", true}}};
  expect_refused(ErrorCode::kInvalid, "reach 16000000", [&] { create(tokenizer); });
  tokenizer["added_tokens"][0]["id"] = 60000;
  EXPECT_EQ(create(tokenizer)->vocab_size(), 60001);
}

TEST(Hostile, MarksOutOfOrderTakeNoMoreThanTheirSize) {
  for (const char* form : {"NFC", "NFD", "NFKC", "NFKD"}) {
    json tokenizer = byte_tokenizer();
    tokenizer["normalizer"] = {{"type", form}};
    const auto made = create(tokenizer);
    expect_time_to_grow_with(100000, form, [&](std::size_t n) {
      made->encode("a" + repeat("\xcc\x81", n) + repeat("\xcc\x96", n));
    });
  }
}

TEST(Hostile, RegexesThatLookAtEverythingFromEverywhere) {
  for (const char* regex : {R"((?=[\s\S]*Z)x|[\s\S])", R"((?:(?![\s\S]*Z)[\s\S])+)"}) {
    json tokenizer = byte_tokenizer();
    tokenizer["pre_tokenizer"] = {{"type", "Split"},
                                  {"pattern", {{"Regex", regex}}},
                                  {"behavior", "Isolated"},
                                  {"invert", false}};
    tokenizer["normalizer"] = {
        {"type", "Replace"}, {"pattern", {{"Regex", "q(?=[\\s\\S]*Z)"}}}, {"content", "z"}};
    const auto made = create(tokenizer);
    for (const int threads : {1, 3}) {
      expect_time_to_grow_with(50000, regex, [&](std::size_t n) {
        test::error_of([&] { made->encode(repeat("ab ", n), {.threads = threads}); });
        test::error_of([&] { made->encode(repeat("q", n), {.threads = threads}); });
      });
    }
  }
}

TEST(Hostile, LongRunsOfOneKind) {
  const auto made = create(byte_tokenizer());
  for (const std::string_view part : {" ", "a", "1", "\n", "\xff"}) {
    for (const int threads : {1, 4}) {
      expect_time_to_grow_with(300000, part, [&](std::size_t n) {
        EXPECT_EQ(made->decode(made->encode(repeat(part, n), {.threads = threads})),
                  repeat(part == "\xff" ? "\xef\xbf\xbd" : part, n));
      });
    }
  }
}

TEST(Hostile, AddedTokensThatBeginAsTheTextDoes) {
  json tokenizer = byte_tokenizer();
  tokenizer["added_tokens"] = {
      {{"id", 300}, {"content", std::string(20000, 'a') + "b"}, {"normalized", false}},
      {{"id", 301}, {"content", "  "}, {"lstrip", true}, {"normalized", false}},
      {{"id", 302}, {"content", "<|x|>"}, {"special", true}, {"normalized", true}}};
  tokenizer["normalizer"] = {{"type", "NFC"}};
  const auto made = create(tokenizer);
  expect_time_to_grow_with(100000, "aaa", [&](std::size_t n) {
    test::error_of([&] { made->encode(std::string(n, 'a')); });
  });
  expect_time_to_grow_with(100000, "spaces", [&](std::size_t n) {
    made->encode(repeat("x  ", n) + std::string(n, ' '));
  });
  expect_time_to_grow_with(20000, "parts", [&](std::size_t n) {
    std::vector<TextPart> parts;
    for (std::size_t i = 0; i < n; ++i) parts.push_back({"<|x|>  y ", i % 2 == 0});
    made->encode_parts(parts);
  });
}

TEST(Hostile, ManyControlPiecesAndAddedTokens) {
  expect_time_to_grow_with(8000, "control pieces", [](std::size_t n) {
    SpmModel model;
    model.kind = SpmKind::kBpe;
    model.remove_extra_whitespaces = false;
    model.pieces.push_back({"<unk>", 0, PieceType::kUnknown});
    json added = json::object();
    for (std::size_t i = 0; i < n; ++i) {
      model.pieces.push_back({fmt::format("<c{}>", i), 0, PieceType::kControl});
      added[std::to_string(2 * n + i)] = {{"content", fmt::format("<a{}>", i)}};
    }
    TokenizerFiles files;
    files.sentencepiece_model = model.serialize();
    files.tokenizer_config_json = json{{"added_tokens_decoder", added}}.dump();
    files.origin = "x.model";
    Tokenizer::create(files)->encode("<c1>");
  });
}

TEST(Hostile, StreamsOfIdsThatNeverBecomeText) {
  json tokenizer = byte_tokenizer();
  tokenizer["decoder"] = {{"type", "ByteFallback"}};
  tokenizer["added_tokens"] = {{{"id", 300}, {"content", "<0xFF>"}, {"special", false}},
                               {{"id", 301}, {"content", "<s>"}, {"special", true}}};
  const auto made = create(tokenizer);
  for (const TokenId id : {300, 301}) {
    expect_time_to_grow_with(20000, made->piece(id), [&](std::size_t n) {
      const auto stream = made->stream({});
      std::string text;
      for (std::size_t i = 0; i < n; ++i) text += stream->push(id);
      text += stream->finish();
      EXPECT_EQ(text, id == 300 ? repeat("\xef\xbf\xbd", n) : "");
    });
  }
}

}  // namespace
}  // namespace lathe
