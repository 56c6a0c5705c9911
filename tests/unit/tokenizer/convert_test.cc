// Vocabularies from GGUF to Hugging Face's files and back: the same tokens, the same ids.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <unordered_map>

#include "lathe/checkpoint.h"
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "base/utf8.h"
#include "support/paths.h"
#include "support/refusal.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> parts = {" ",
                                                 "  ",
                                                 "\n",
                                                 "\n\n",
                                                 "\t",
                                                 "'s",
                                                 "'Ll",
                                                 "the",
                                                 "The",
                                                 " of",
                                                 "1",
                                                 "23",
                                                 "4567",
                                                 "...",
                                                 "(",
                                                 "e\xcc\x81",
                                                 "\xc3\xa9",
                                                 "\xe4\xbd\xa0",
                                                 "\xf0\x9f\x98\x80",
                                                 "\xff",
                                                 "<s>",
                                                 "</s>",
                                                 "<|endoftext|>",
                                                 "\xe2\x96\x81",
                                                 "x",
                                                 "_",
                                                 "\r\n"};
  std::string text;
  for (std::size_t i = random() % 12; i > 0; --i) text += parts[random() % parts.size()];
  return text;
}

void expect_same_vocabulary(const GgufVocabulary& a, const GgufVocabulary& b) {
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.scores, b.scores);
  EXPECT_EQ(a.types, b.types);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.bos, b.bos);
  EXPECT_EQ(a.eos, b.eos);
  EXPECT_EQ(a.unknown, b.unknown);
  EXPECT_EQ(a.pad, b.pad);
  EXPECT_EQ(a.eot, b.eot);
  EXPECT_EQ(a.chat_template, b.chat_template);
}

void expect_same_ids(const TokenizerFiles& a, const TokenizerFiles& b) {
  const auto one = Tokenizer::create(a);
  const auto two = Tokenizer::create(b);
  EXPECT_EQ(one->vocab_size(), two->vocab_size());
  EXPECT_EQ(one->bos(), two->bos());
  EXPECT_EQ(one->eos(), two->eos());
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = random_text(random);
    for (const bool special : {false, true}) {
      const auto ids = one->encode(text, {.parse_special = special});
      ASSERT_EQ(ids, two->encode(text, {.parse_special = special})) << testing::PrintToString(text);
      ASSERT_EQ(one->decode(ids), two->decode(ids)) << testing::PrintToString(text);
    }
  }
}

TEST(Convert, SharedVocabulariesComeBackTheSame) {
  const std::filesystem::path folder = shared_data("vocab");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    SCOPED_TRACE(entry.path().string());
    const auto files = *open_tokenizer_files(entry.path().string());
    const auto hugging_face = to_hugging_face(files);
    EXPECT_FALSE(hugging_face.gguf);
    expect_same_ids(files, hugging_face);
    TokenizerFiles back;
    back.origin = "back";
    back.gguf = to_gguf(hugging_face);
    expect_same_vocabulary(*files.gguf, *back.gguf);
    EXPECT_EQ(files.gguf->pre, back.gguf->pre);
    expect_same_ids(files, back);
  }
}

// A vocabulary with every type of token, an alias, gaps and odd special tokens.
GgufVocabulary small_bpe() {
  GgufVocabulary v;
  v.model = "gpt2";
  v.pre = "smollm";
  for (const std::string& c : byte_level_chars()) v.tokens.push_back(c);
  v.tokens.insert(v.tokens.end(), {"th", "the", "<|endoftext|>", "<tool>", "[PAD1]", "<s>"});
  v.types.assign(256, 1);
  v.types.insert(v.types.end(), {1, 1, 3, 4, 5, 2});
  v.merges = {"t h", "th e"};
  v.bos = v.eos = 258;
  v.unknown = 261;
  v.eot = 259;
  v.add_bos = true;
  v.add_eos = false;
  v.chat_template = "{{ messages }}\n\"quoted\"";
  return v;
}

TEST(Convert, EveryTypeOfTokenComesBack) {
  TokenizerFiles files;
  files.origin = "small";
  files.gguf = small_bpe();
  const auto hugging_face = to_hugging_face(files);
  expect_same_ids(files, hugging_face);
  const GgufVocabulary back = to_gguf(hugging_face);
  expect_same_vocabulary(*files.gguf, back);
  EXPECT_EQ(back.pre, "smollm");
  EXPECT_EQ(back.add_bos, true);
  EXPECT_EQ(Tokenizer::create(hugging_face)->chat_template(), files.gguf->chat_template);
}

TEST(Convert, ScoresAndPaddingAreKept) {
  TokenizerFiles files;
  files.origin = "small";
  files.gguf = small_bpe();
  files.gguf->scores.assign(files.gguf->tokens.size(), 0.0f);
  EXPECT_EQ(to_gguf(to_hugging_face(files)).scores, files.gguf->scores);
  files.gguf->scores[3] = -2.5f;
  EXPECT_EQ(to_gguf(to_hugging_face(files)).scores, files.gguf->scores);
  const GgufVocabulary padded = to_gguf(files, 300);
  EXPECT_EQ(padded.tokens.size(), 300u);
  EXPECT_EQ(padded.tokens[299], "[PAD299]");
  EXPECT_EQ(padded.types[299], 5);
  EXPECT_EQ(padded.scores.size(), 300u);
  test::expect_refused(ErrorCode::kInvalid, "262 tokens", [&] { to_gguf(files, 100); });
}

TEST(Convert, Llama2cBecomesSentencePieceAndGguf) {
  const std::string path = shared_data("tok512.bin");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  const auto files = *open_tokenizer_files(path);
  TokenizerFiles back;
  back.origin = "back";
  back.gguf = to_gguf(files);
  EXPECT_EQ(back.gguf->model, "llama");
  EXPECT_EQ(back.gguf->bos, 1);
  EXPECT_EQ(back.gguf->eos, 2);
  expect_same_ids(files, back);
  expect_same_ids(files, to_hugging_face(back));
}

// A tokenizer.json as Hugging Face makes it from a sentencepiece model: the merges are all
// ways to make a piece from two, by score.
std::string json_from_spm(const SpmModel& model) {
  nlohmann::ordered_json root;
  std::string vocab;
  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    ids[model.pieces[i].text] = i;
    vocab +=
        fmt::format("{}{}:{}", i > 0 ? "," : "", nlohmann::json(model.pieces[i].text).dump(), i);
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].type == PieceType::kNormal) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return model.pieces[a].score > model.pieces[b].score;
  });
  std::string merges;
  for (const std::size_t i : order) {
    const std::string& text = model.pieces[i].text;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
      if (!ids.contains(text.substr(0, at)) || !ids.contains(text.substr(at))) continue;
      merges += fmt::format("{}{}", merges.empty() ? "" : ",",
                            nlohmann::json({text.substr(0, at), text.substr(at)}).dump());
    }
  }
  return fmt::format(
      R"({{"added_tokens":[{{"id":0,"content":"<unk>","special":true,"normalized":false}},)"
      R"({{"id":1,"content":"<s>","special":true,"normalized":false}},)"
      R"({{"id":2,"content":"</s>","special":true,"normalized":false}}],)"
      R"("normalizer":{{"type":"Sequence","normalizers":[{{"type":"Prepend","prepend":"▁"}},)"
      R"({{"type":"Replace","pattern":{{"String":" "}},"content":"▁"}}]}},"pre_tokenizer":null,)"
      R"("decoder":{{"type":"Sequence","decoders":[{{"type":"Replace","pattern":{{"String":"▁"}},)"
      R"("content":" "}},{{"type":"ByteFallback"}},{{"type":"Fuse"}},)"
      R"({{"type":"Strip","content":" ","start":1,"stop":0}}]}},)"
      R"("model":{{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,)"
      R"("vocab":{{{}}},"merges":[{}]}}}})",
      vocab, merges);
}

TEST(Convert, LlamaTokenizerJsonBecomesAllThreeForms) {
  const std::string path = shared_data("llama2-tokenizer.model");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  const auto spm = *open_tokenizer_files(path);
  TokenizerFiles json;
  json.origin = "tokenizer.json";
  json.tokenizer_json = json_from_spm(parse_spm_model(spm.sentencepiece_model, path));
  json.tokenizer_config_json =
      R"({"add_bos_token":true,"bos_token":"<s>","eos_token":"</s>","tokenizer_class":"LlamaTokenizerFast"})";
  TokenizerFiles gguf;
  gguf.origin = "gguf";
  gguf.gguf = to_gguf(json);
  EXPECT_EQ(gguf.gguf->model, "llama");
  EXPECT_EQ(gguf.gguf->tokens, to_gguf(spm).tokens);
  EXPECT_EQ(gguf.gguf->types, to_gguf(spm).types);
  const auto a = Tokenizer::create(spm);
  const auto b = Tokenizer::create(json);
  const auto c = Tokenizer::create(gguf);
  std::mt19937 random(12);
  for (int i = 0; i < 5000; ++i) {
    // Invalid bytes are replaced one by one in one kind, sequence by sequence in the other.
    const std::string text = replace_invalid_utf8(random_text(random));
    const auto ids = a->encode(text);
    ASSERT_EQ(ids, b->encode(text)) << testing::PrintToString(text);
    ASSERT_EQ(ids, c->encode(text)) << testing::PrintToString(text);
    ASSERT_EQ(a->decode(ids), b->decode(ids)) << testing::PrintToString(text);
  }
  std::string text;
  while (text.size() < 1000000) text += replace_invalid_utf8(random_text(random));
  ASSERT_EQ(a->encode(text), b->encode(text));
  ASSERT_EQ(a->encode(text), b->encode(text, {.threads = 4}));
}

TEST(Convert, UnknownPreTokenizersAreRefusedWithWhatWasSeen) {
  TokenizerFiles files;
  files.origin = "odd";
  files.tokenizer_json = R"({"pre_tokenizer":{"type":"Whitespace"},"decoder":{"type":"ByteLevel"},)"
                         R"("model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
  test::expect_refused(ErrorCode::kUnsupported, "Split(", [&] { to_gguf(files); });
}

}  // namespace
}  // namespace lathe
