// Vocabularies of GGUF as their readers understand them.
#include <gtest/gtest.h>

#include "support/refusal.h"
#include "support/small_tokenizers.h"
#include "tokenizer/gguf_pre.h"

namespace lathe {
namespace {

using test::add_token;
using test::expect_refused;
using test::gguf_bytes;
using test::gguf_pieces;

using Ids = std::vector<TokenId>;

// Reads the vocabulary and what becomes of it in Hugging Face's form, which must agree.
Ids encode(const TokenizerFiles& files, std::string_view text, bool special = false) {
  const EncodeOptions options{.parse_special = special};
  const Ids ids = Tokenizer::create(files)->encode(text, options);
  EXPECT_EQ(Tokenizer::create(to_hugging_face(files))->encode(text, options), ids) << text;
  return ids;
}

std::string decode(const TokenizerFiles& files, const Ids& ids, bool special = false) {
  const std::string text = Tokenizer::create(files)->decode(ids, special);
  EXPECT_EQ(Tokenizer::create(to_hugging_face(files))->decode(ids, special), text);
  return text;
}

TEST(GgufVocabulary, EndsHaveIdsByDefault) {
  TokenizerFiles files = gguf_pieces();
  files.gguf->bos = files.gguf->eos = files.gguf->unknown = -1;
  files.gguf->add_bos = true;
  EXPECT_EQ(Tokenizer::create(files)->bos(), 1);
  EXPECT_EQ(Tokenizer::create(files)->eos(), 2);
  EXPECT_EQ(encode(files, "a"), (Ids{1, 259, 260}));
  files.gguf->add_bos.reset();
  EXPECT_EQ(encode(files, "a"), (Ids{1, 259, 260}));
  files.gguf->no_default_ids = true;
  EXPECT_EQ(Tokenizer::create(files)->encode("a"), (Ids{259, 260}));

  TokenizerFiles bytes = gguf_bytes("gpt-2");
  EXPECT_EQ(Tokenizer::create(bytes)->bos(), 11);
  EXPECT_EQ(encode(bytes, "a"), (Ids{'a'}));
  bytes.gguf->add_bos = true;
  EXPECT_EQ(encode(bytes, "a"), (Ids{11, 'a'}));
  bytes.gguf->pre = "llama-bpe";
  bytes.gguf->add_bos.reset();
  EXPECT_EQ(encode(bytes, "a"), (Ids{11, 'a'}));
  bytes.gguf->pre = "glm4";
  EXPECT_EQ(Tokenizer::create(bytes)->bos(), std::nullopt);
  expect_refused(ErrorCode::kInvalid, "bos_token_id is 900", [&] {
    bytes.gguf->bos = 900;
    Tokenizer::create(bytes);
  });
}

TEST(GgufVocabulary, ControlTokensOnRequestUserDefinedOnesAlways) {
  for (TokenizerFiles files : {gguf_bytes("gpt-2"), gguf_pieces()}) {
    const TokenId control = add_token(files, "<c>", 3);
    const TokenId unknown = files.gguf->model == "gpt2" ? add_token(files, "<u>", 2) : 0;
    const TokenId user = add_token(files, "<d>", 4);
    const TokenId unused = add_token(files, "<n>", 5);
    const auto count = [&](std::string_view text, bool special, TokenId id) {
      const Ids ids = encode(files, text, special);
      return std::count(ids.begin(), ids.end(), id);
    };
    EXPECT_EQ(count("a<c>b", false, control), 0);
    EXPECT_EQ(count("a<c>b", true, control), 1);
    EXPECT_EQ(count("a<u>b", true, unknown), files.gguf->model == "gpt2" ? 1 : 0);
    EXPECT_EQ(count("a<d>b", false, user), 1);
    EXPECT_EQ(count("a<n>b", true, unused), 0);
    EXPECT_EQ(decode(files, {control, user, unused}), "<d>");
    EXPECT_EQ(decode(files, {control, user, unused}, true), "<c><d>");
  }
}

TEST(GgufVocabulary, UserDefinedPiecesAreMatchedInTheTextAsItIs) {
  TokenizerFiles files = gguf_pieces();
  const TokenId blanks = add_token(files, "  ", 4);
  const TokenId tag = add_token(files, "<t>", 4);
  // A space goes in front of what follows a token of any kind, as everywhere in GGUF.
  EXPECT_EQ(encode(files, "a  b<t>c"), (Ids{1, 259, 260, blanks, 259, 261, tag, 259, 262}));
  EXPECT_EQ(decode(files, {tag, blanks, 260}), "<t>  a");
  files.gguf->add_space_prefix = false;
  EXPECT_EQ(encode(files, "a  b<t>c"), (Ids{1, 260, blanks, 261, tag, 262}));
}

TEST(GgufVocabulary, TheLongestTokenAnywhereComesFirst) {
  for (TokenizerFiles files : {gguf_bytes("gpt-2"), gguf_pieces()}) {
    files.gguf->add_space_prefix = false;
    files.gguf->add_bos = false;
    const TokenId three = add_token(files, "(xy", 4);
    const TokenId four = add_token(files, "xy)]", 4);
    const TokenId two = add_token(files, "xy", 4);
    EXPECT_EQ(encode(files, "(xy)]").back(), four);
    EXPECT_EQ(encode(files, "(xy"), Ids{three});
    EXPECT_EQ(encode(files, "xy"), Ids{two});
    EXPECT_EQ(encode(files, "(xy(xy)]").front(), three);
  }
}

TEST(GgufVocabulary, EndsOfTurnsAreControlTokensWhateverTheirType) {
  TokenizerFiles files = gguf_bytes("gpt-2");
  const TokenId end = add_token(files, "<|im_end|>", 1);
  EXPECT_EQ(encode(files, "<|im_end|>", true), Ids{end});
  EXPECT_EQ(encode(files, "<|im_end|>").size(), 10u);
  EXPECT_TRUE(Tokenizer::create(files)->is_special(end));
}

TEST(GgufVocabulary, AMissingPreTokenizerIsSaid) {
  EXPECT_TRUE(Tokenizer::create(gguf_bytes("default"))->warnings().empty());
  const TokenizerFiles files = gguf_bytes("");
  const auto warnings = Tokenizer::create(files)->warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("tokenizer.ggml.pre is missing"), std::string::npos);
  // Conversions keep saying it.
  const TokenizerFiles there = to_hugging_face(files);
  EXPECT_EQ(Tokenizer::create(there)->warnings(), warnings);
  EXPECT_EQ(to_gguf(there).pre, "");
}

TEST(GgufVocabulary, EveryKnownPreTokenizerIsRead) {
  for (const char* name : {"default",
                           "llama3",
                           "llama-v3",
                           "llama-bpe",
                           "falcon3",
                           "falcon-h1",
                           "pixtral",
                           "midm-2.0",
                           "lfm2",
                           "deepseek-llm",
                           "deepseek-coder",
                           "deepseek-v3",
                           "youtu",
                           "falcon",
                           "mpt",
                           "starcoder",
                           "gpt-2",
                           "phi-2",
                           "gigachat",
                           "a.x-4.0",
                           "mellum",
                           "modern-bert",
                           "jais-2",
                           "sarvam-moe",
                           "refact",
                           "command-r",
                           "qwen2",
                           "deepseek-r1-qwen",
                           "kormo",
                           "f2llmv2",
                           "qwen35",
                           "stablelm2",
                           "olmo",
                           "dbrx",
                           "smaug-bpe",
                           "poro-chat",
                           "glm4",
                           "chatglm-bpe",
                           "viking",
                           "jais",
                           "tekken",
                           "smollm",
                           "codeshell",
                           "bloom",
                           "gpt3-finnish",
                           "exaone",
                           "exaone4",
                           "exaone-moe",
                           "chameleon",
                           "minerva-7b",
                           "megrez",
                           "gpt-4o",
                           "llama4",
                           "kanana2",
                           "talkie",
                           "tiny_aya",
                           "cohere2moe",
                           "superbpe",
                           "trillion",
                           "granite-docling",
                           "bailingmoe",
                           "bailingmoe2",
                           "llada-moe",
                           "seed-coder",
                           "hunyuan",
                           "hunyuan-dense",
                           "joyai-llm",
                           "kimi-k2",
                           "grok-2",
                           "afmoe",
                           "laguna",
                           "minimax-m2",
                           "solar-open",
                           "minicpm5",
                           "mellum2"}) {
    TokenizerFiles files = gguf_bytes(name);
    files.gguf->add_bos = false;
    if (find_gguf_pre(name) != nullptr && find_gguf_pre(name)->marks_spaces) continue;
    const std::string text = "It's 12345 Words, caf\xc3\xa9 \xe6\xb2\xb3\xe6\xb0\xb4!\n\n  end";
    const Ids ids = encode(files, text);
    EXPECT_EQ(decode(files, ids), text) << name;
    const GgufVocabulary back = to_gguf(to_hugging_face(files));
    EXPECT_EQ(back.pre, name);
    EXPECT_EQ(back.tokens, files.gguf->tokens) << name;
    EXPECT_EQ(back.merges, files.gguf->merges) << name;
  }
  expect_refused(ErrorCode::kUnsupported, "jina-v2-code",
                 [] { Tokenizer::create(gguf_bytes("jina-v2-code")); });
}

// Gemma 4's kind: characters, spaces as marks, bytes for what has no token.
TokenizerFiles gguf_characters(std::string model, std::string pre) {
  TokenizerFiles files;
  GgufVocabulary gguf;
  gguf.model = std::move(model);
  gguf.pre = std::move(pre);
  gguf.tokens = {"<pad>", "<eos>", "<bos>", "<unk>"};
  gguf.types = {3, 3, 3, 2};
  for (int b = 0; b < 256; ++b) {
    gguf.tokens.push_back(byte_piece(b));
    gguf.types.push_back(6);
  }
  for (const std::string_view token : {std::string_view("\xe2\x96\x81"), std::string_view("a"),
                                       std::string_view("b"), std::string_view("ab"),
                                       std::string_view("\xe2\x96\x81"
                                                        "a"),
                                       std::string_view("\n"), std::string_view("\n\n\n")}) {
    gguf.tokens.emplace_back(token);
    gguf.types.push_back(1);
  }
  gguf.merges = {"a b", "\xe2\x96\x81 a"};
  gguf.bos = 2;
  gguf.eos = 1;
  files.gguf = std::move(gguf);
  files.origin = "v.gguf";
  return files;
}

TEST(GgufVocabulary, CharactersWithBytesForTheRest) {
  const TokenizerFiles files = gguf_characters("gemma4", "");
  EXPECT_EQ(encode(files, "ab a\xc3\xa9"), (Ids{2, 263, 264, 4 + 0xc3, 4 + 0xa9}));
  EXPECT_EQ(encode(files, "a\n\n\nb\n\n"), (Ids{2, 261, 266, 262, 265, 265}));
  EXPECT_EQ(encode(files, std::string(40, '\n')), [] {
    Ids ids(41, 265);
    ids[0] = 2;
    return ids;
  }());
  EXPECT_EQ(decode(files, {2, 263, 264, 4 + 0xc3, 4 + 0xa9, 266}), "ab a\xc3\xa9\n\n\n");
  const GgufVocabulary back = to_gguf(to_hugging_face(files));
  EXPECT_EQ(back.model, "gemma4");
  EXPECT_EQ(back.tokens, files.gguf->tokens);
  EXPECT_EQ(back.types, files.gguf->types);
  EXPECT_EQ(back.merges, files.gguf->merges);
  EXPECT_EQ(encode(gguf_characters("gpt2", "sarvam-moe"), "ab a"), (Ids{263, 264}));
}

TEST(GgufVocabulary, RowsBeyondTheTokensHaveNoText) {
  for (TokenizerFiles files : {gguf_bytes("gpt-2"), gguf_pieces(), to_hugging_face(gguf_pieces()),
                               to_hugging_face(gguf_bytes("gpt-2"))}) {
    files.rows = 300;
    const auto made = Tokenizer::create(files);
    const auto last = static_cast<TokenId>(made->vocab_size() - 1);
    EXPECT_EQ(made->decode(Ids{last, 299, last}), "abab");
    EXPECT_EQ(made->piece(299), "");
    EXPECT_FALSE(made->is_special(299));
    const auto stream = made->stream(Ids{299});
    EXPECT_EQ(stream->push(299) + stream->push(last) + stream->finish(), "ab");
    for (const TokenId id : {300, -1}) {
      expect_refused(ErrorCode::kInvalid, "outside the vocabulary", [&] { made->decode(Ids{id}); });
    }
  }
}

TEST(GgufVocabulary, TokensBeyondTheRowsAreRefusedUnlessTheyAreControlTokens) {
  for (const bool converted : {false, true}) {
    TokenizerFiles files = gguf_bytes("gpt-2");
    add_token(files, "<|picture|>", 3);
    TokenizerFiles used = converted ? to_hugging_face(files) : files;
    used.rows = 257;
    EXPECT_NO_THROW(Tokenizer::create(used));
    EXPECT_EQ(to_gguf(used, 257).tokens.size(), 257u);
    add_token(files, "BIG", 4);
    used = converted ? to_hugging_face(files) : files;
    used.rows = 257;
    expect_refused(ErrorCode::kInvalid, "BIG", [&] { Tokenizer::create(used); });
    expect_refused(ErrorCode::kInvalid, "257", [&] { to_gguf(used, 257); });
  }
}

}  // namespace
}  // namespace lathe
