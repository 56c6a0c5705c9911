// A conversion that would change what a text becomes is refused, with the reason.
#include <gtest/gtest.h>

#include "support/refusal.h"
#include "support/small_tokenizers.h"

namespace lathe {
namespace {

using nlohmann::json;
using test::expect_refused;

using Ids = std::vector<TokenId>;

// The bytes and "th" (256), since GGUF wants a merge.
json byte_tokenizer() {
  json tokenizer = test::byte_tokenizer();
  tokenizer["model"]["vocab"]["th"] = 256;
  tokenizer["model"]["merges"].push_back("t h");
  return tokenizer;
}

TEST(ConversionKeepsIds, FlagsOfAddedTokensHaveNoPlaceInGguf) {
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    json tokenizer = byte_tokenizer();
    tokenizer["added_tokens"] = {
        {{"id", 257}, {"content", "word"}, {"normalized", false}, {flag, true}}};
    expect_refused(ErrorCode::kUnsupported, flag, [&] { to_gguf(test::json_files(tokenizer)); });
    tokenizer["added_tokens"][0][flag] = false;
    EXPECT_EQ(to_gguf(test::json_files(tokenizer)).types.back(), 4);
  }
}

TEST(ConversionKeepsIds, TokensThatAreMatchedAfterNormalization) {
  json tokenizer = byte_tokenizer();
  tokenizer["normalizer"] = {{"type", "NFC"}};
  tokenizer["added_tokens"] = {
      {{"id", 257}, {"content", "e\xcc\x81"}, {"normalized", true}, {"special", false}}};
  expect_refused(ErrorCode::kUnsupported, "other ids",
                 [&] { to_gguf(test::json_files(tokenizer)); });
}

// Llama's kind with Metaspace: <unk>, <s>, </s>, the bytes, the mark, a, b, "▁a", [I].
TokenizerFiles metaspace(const char* scheme, bool split = false) {
  json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int b = 0; b < 256; ++b) vocab[byte_piece(b)] = 3 + b;
  const std::string mark(kSpaceMark);
  vocab[mark] = 259;
  vocab["a"] = 260;
  vocab["b"] = 261;
  vocab[mark + "a"] = 262;
  json tokenizer = {{"added_tokens",
                     {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
                      {{"id", 1}, {"content", "<s>"}, {"special", true}},
                      {{"id", 2}, {"content", "</s>"}, {"special", true}},
                      {{"id", 263}, {"content", "[I]"}, {"special", true}}}},
                    {"pre_tokenizer",
                     {{"type", "Metaspace"},
                      {"replacement", mark},
                      {"prepend_scheme", scheme},
                      {"split", split}}},
                    {"model",
                     {{"type", "BPE"},
                      {"unk_token", "<unk>"},
                      {"byte_fallback", true},
                      {"fuse_unk", true},
                      {"vocab", vocab},
                      {"merges", json::array({json::array({mark, "a"})})}}}};
  return test::json_files(tokenizer);
}

TEST(ConversionKeepsIds, SpacesInFrontGoWhereTheyWent) {
  for (const char* scheme : {"always", "first", "never"}) {
    const TokenizerFiles files = metaspace(scheme);
    TokenizerFiles gguf;
    gguf.origin = "gguf";
    gguf.gguf = to_gguf(files);
    const TokenizerFiles again = to_hugging_face(gguf);
    for (const char* text : {"a b", " a", "[I] a[I]a", "[I]",
                             "\xe2\x96\x81"
                             "a",
                             "  "}) {
      for (const bool special : {false, true}) {
        const EncodeOptions options{.parse_special = special};
        const Ids want = Tokenizer::create(files)->encode(text, options);
        EXPECT_EQ(Tokenizer::create(gguf)->encode(text, options), want) << scheme << ": " << text;
        EXPECT_EQ(Tokenizer::create(again)->encode(text, options), want) << scheme << ": " << text;
      }
    }
    EXPECT_EQ(to_gguf(again).space_prefix, gguf.gguf->space_prefix);
  }
  TokenizerFiles odd = test::gguf_pieces();
  odd.gguf->space_prefix = "sometimes";
  expect_refused(ErrorCode::kUnsupported, "sometimes", [&] { Tokenizer::create(odd); });
}

TEST(ConversionKeepsIds, ACutAtSpacesKeepsTokensApart) {
  TokenizerFiles files = metaspace("never", true);
  EXPECT_NO_THROW(to_gguf(files));
  json tokenizer = json::parse(files.tokenizer_json);
  tokenizer["model"]["vocab"][std::string(kSpaceMark) + std::string(kSpaceMark)] = 264;
  tokenizer["model"]["merges"].push_back(json::array({kSpaceMark, kSpaceMark}));
  files.tokenizer_json = tokenizer.dump();
  expect_refused(ErrorCode::kUnsupported, "keeps apart", [&] { to_gguf(files); });
}

TEST(ConversionKeepsIds, WhatHasNoEndsGetsNone) {
  const TokenizerFiles files = test::json_files(byte_tokenizer());
  TokenizerFiles gguf;
  gguf.origin = "gguf";
  gguf.gguf = to_gguf(files);
  EXPECT_TRUE(gguf.gguf->no_default_ids);
  EXPECT_EQ(Tokenizer::create(gguf)->eos(), std::nullopt);
}

TEST(NoTextVanishes, ACharacterWithoutATokenIsAnError) {
  json tokenizer = test::byte_tokenizer();
  tokenizer["model"]["vocab"].erase("a");
  tokenizer["model"]["vocab"]["filler"] = 'a';
  const auto bytes = test::create(tokenizer);
  expect_refused(ErrorCode::kInvalid, "byte 0x61", [&] { bytes->encode("xay"); });
  EXPECT_EQ(bytes->encode("xy"), (Ids{'x', 'y'}));

  json plain = {{"model", {{"type", "BPE"}, {"vocab", {{"a", 0}}}, {"merges", json::array()}}}};
  expect_refused(ErrorCode::kInvalid, "U+6CB3",
                 [&] { test::create(plain)->encode("a\xe6\xb2\xb3"); });
  plain["model"]["vocab"]["<unk>"] = 1;
  plain["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(test::create(plain)->encode("a\xe6\xb2\xb3"), (Ids{0, 1}));
}

}  // namespace
}  // namespace lathe
