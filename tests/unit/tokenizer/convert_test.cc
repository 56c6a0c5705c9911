// Vocabularies from GGUF to Hugging Face's files and back: the same tokens, the same ids.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

#include "lathe/checkpoint.h"
#include "lathe/tokenizer.h"

#include "base/utf8.h"
#include "support/refusal.h"
#include "tokenizer/byte_level.h"

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
  const std::filesystem::path folder = std::filesystem::path(LATHE_SHARED_DATA) / "vocab";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    SCOPED_TRACE(entry.path().string());
    const auto files = open_tokenizer_files(entry.path().string());
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
  const std::string path = LATHE_SHARED_DATA "/tok512.bin";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
  const auto files = open_tokenizer_files(path);
  TokenizerFiles back;
  back.origin = "back";
  back.gguf = to_gguf(files);
  EXPECT_EQ(back.gguf->model, "llama");
  EXPECT_EQ(back.gguf->bos, 1);
  EXPECT_EQ(back.gguf->eos, 2);
  expect_same_ids(files, back);
  expect_same_ids(files, to_hugging_face(back));
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
