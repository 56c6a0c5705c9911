// Every place where a Hugging Face folder declares a token.
#include <gtest/gtest.h>

#include "support/refusal.h"
#include "support/small_tokenizers.h"

namespace lathe {
namespace {

using nlohmann::json;
using test::expect_refused;

// The bytes and an end token (256) in tokenizer.json, and the other files as given.
std::shared_ptr<const Tokenizer> folder(const json& config, const json& added = nullptr,
                                        const json& map = nullptr) {
  json tokenizer = test::byte_tokenizer();
  tokenizer["added_tokens"] = {{{"id", 256}, {"content", "<end>"}, {"special", true}}};
  TokenizerFiles files = test::json_files(tokenizer);
  if (!config.is_null()) files.tokenizer_config_json = config.dump();
  if (!added.is_null()) files.added_tokens_json = added.dump();
  if (!map.is_null()) files.special_tokens_map_json = map.dump();
  return Tokenizer::create(files);
}

std::vector<TokenId> ids(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  return tokenizer->encode(text, {.parse_special = true});
}

using Ids = std::vector<TokenId>;

TEST(DeclaredTokens, WhereverTheyAreDeclaredTheyAreMatched) {
  const Ids want{'x', 257, 'y'};
  const json flags = {{"content", "<|new|>"}, {"special", true}};
  EXPECT_EQ(ids(folder({{"added_tokens_decoder", {{"257", flags}}}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder(nullptr, {{"<|new|>", 257}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder({{"additional_special_tokens", {"<|new|>"}}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder({{"additional_special_tokens", {flags}}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder({{"extra_special_tokens", {"<|new|>"}}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder({{"extra_special_tokens", {{"image_token", "<|new|>"}}}}), "x<|new|>y"),
            want);
  EXPECT_EQ(ids(folder({{"image_token", "<|new|>"}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder({{"mask_token", "<|new|>"}}), "x<|new|>y"), want);
  EXPECT_EQ(ids(folder(nullptr, nullptr, {{"sep_token", flags}}), "x<|new|>y"), want);
  EXPECT_EQ(
      ids(folder(nullptr, nullptr, {{"additional_special_tokens", {"<|new|>"}}}), "x<|new|>y"),
      want);
}

TEST(DeclaredTokens, NewOnesAreNumberedInTheirOrder) {
  const auto made = folder({{"unk_token", "<unk>"},
                            {"mask_token", "<mask>"},
                            {"cls_token", "<cls>"},
                            {"image_token", "<image>"},
                            {"additional_special_tokens", {"<one>", "<end>", "<two>"}}});
  EXPECT_EQ(ids(made, "<unk><cls><mask><image><one><end><two>"),
            (Ids{257, 258, 259, 260, 261, 256, 262}));
  EXPECT_TRUE(made->is_special(262));
  EXPECT_EQ(made->decode(Ids{'a', 261, 'b'}), "ab");
}

TEST(DeclaredTokens, FlagsOfTheConfigurationCount) {
  json tokenizer = test::byte_tokenizer();
  tokenizer["added_tokens"] = {{{"id", 256}, {"content", "<x>"}, {"special", false}}};
  TokenizerFiles files = test::json_files(tokenizer);
  files.tokenizer_config_json =
      json{{"added_tokens_decoder", {{"256", {{"content", "<x>"}, {"lstrip", true}}}}}}.dump();
  EXPECT_EQ(Tokenizer::create(files)->encode("a <x>"), (Ids{'a', 256}));
}

TEST(DeclaredTokens, OlderFilesCountWithoutADecoderOnly) {
  const json decoder = {{"256", {{"content", "<end>"}, {"special", true}}}};
  EXPECT_EQ(ids(folder({{"added_tokens_decoder", decoder}}, {{"<q>", 257}}), "<q>"),
            (Ids{'<', 'q', '>'}));
  EXPECT_EQ(folder({{"added_tokens_decoder", decoder}, {"eos_token", "<end>"}}, nullptr,
                   {{"eos_token", "a"}})
                ->eos(),
            256);
  EXPECT_EQ(folder({{"eos_token", "<end>"}}, nullptr, {{"eos_token", "a"}})->eos(), 'a');
}

TEST(DeclaredTokens, AnEndThatNoVocabularyHasIsAnError) {
  for (const char* key : {"bos_token", "eos_token", "pad_token"}) {
    expect_refused(ErrorCode::kInvalid, key, [&] { folder({{key, "<nowhere>"}}); });
    expect_refused(ErrorCode::kInvalid, "<nowhere>", [&] {
      folder(nullptr, nullptr, {{key, "<nowhere>"}});
    });
    EXPECT_NO_THROW(folder({{key, ""}}));
    EXPECT_NO_THROW(folder({{key, "<here>"}}, {{"<here>", 257}}));
  }
}

TEST(DeclaredTokens, FilesThatContradictEachOtherAreRefused) {
  expect_refused(ErrorCode::kInvalid, "256 in another", [] {
    folder({{"added_tokens_decoder", {{"300", {{"content", "<end>"}}}}}});
  });
  expect_refused(ErrorCode::kInvalid, "id 97 of the token", [] {
    folder({{"added_tokens_decoder", {{"97", {{"content", "<new>"}}}}}});
  });
  expect_refused(ErrorCode::kUnsupported, "no order", [] {
    folder({{"image_token", "<image>"}, {"video_token", "<video>"}});
  });
  expect_refused(ErrorCode::kInvalid, "reach", [] {
    folder({{"added_tokens_decoder", {{"9000000", {{"content", "<new>"}}}}}});
  });
  expect_refused(ErrorCode::kInvalid, "token id", [] {
    folder({{"added_tokens_decoder", {{"x", {{"content", "<new>"}}}}}});
  });
}

TEST(DeclaredTokens, BesideASentencepieceModel) {
  SpmModel model = spm_model_from_gguf(*test::gguf_pieces().gguf, "x.model");
  TokenizerFiles files;
  files.sentencepiece_model = model.serialize();
  files.origin = "x";
  files.added_tokens_json = json{{"<|new|>", 270}}.dump();
  files.tokenizer_config_json = json{{"eos_token", "<|new|>"}, {"mask_token", "<mask>"}}.dump();
  const auto made = Tokenizer::create(files);
  EXPECT_EQ(made->eos(), 270);
  EXPECT_EQ(ids(made, "a<|new|>b<mask>"), (Ids{1, 259, 260, 270, 259, 261, 271}));
  files.tokenizer_config_json = json{{"pad_token", "<nowhere>"}}.dump();
  expect_refused(ErrorCode::kInvalid, "pad_token", [&] { Tokenizer::create(files); });
}

TEST(DeclaredTokens, BosAndEosAreAddedAsTheConfigurationSays) {
  json tokenizer = test::byte_tokenizer();
  tokenizer["added_tokens"] = {{{"id", 256}, {"content", "<s>"}, {"special", true}}};
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", json::array()},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {256}}, {"tokens", {"<s>"}}}}}}};
  TokenizerFiles files = test::json_files(tokenizer);
  const auto encode = [&files](const json& config) {
    files.tokenizer_config_json = config.dump();
    return Tokenizer::create(files)->encode("a");
  };
  EXPECT_EQ(encode({{"bos_token", "<s>"}}), (Ids{256, 'a'}));
  EXPECT_EQ(encode({{"bos_token", "<s>"}, {"add_bos_token", false}}), (Ids{'a'}));
  EXPECT_EQ(encode({{"eos_token", "<s>"}, {"add_eos_token", true}}), (Ids{'a', 256}));
}

TEST(DeclaredTokens, OfTheModelOnlyItsOwnTokensAreLookedUp) {
  // "word" is an added token that must stand alone; ignore_merges does not find it either.
  json tokenizer = test::byte_tokenizer();
  tokenizer["model"]["ignore_merges"] = true;
  tokenizer["added_tokens"] = {
      {{"id", 256}, {"content", "word"}, {"single_word", true}, {"normalized", false}},
      {{"id", 257}, {"content", "\xe6\xb2\xb3"}, {"single_word", true}, {"normalized", false}}};
  const auto made = test::create(tokenizer);
  EXPECT_EQ(made->encode("word_"), (Ids{'w', 'o', 'r', 'd', '_'}));
  EXPECT_EQ(made->encode("4word"), (Ids{'4', 'w', 'o', 'r', 'd'}));
  EXPECT_EQ(made->encode("x word"), (Ids{'x', ' ', 256}));
  EXPECT_EQ(made->encode("x\xe6\xb2\xb3"), (Ids{'x', 0xe6, 0xb2, 0xb3}));
}

}  // namespace
}  // namespace lathe
