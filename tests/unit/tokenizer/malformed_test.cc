// Malformed tokenizer files: each class is refused with a message, none is half accepted.
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>

#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "base/utf8.h"
#include "support/mutate.h"
#include "support/refusal.h"
#include "tokenizer/protobuf_wire.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

using test::expect_refused;

// A sentencepiece model of bytes, a few letters and what a test wants to add.
SpmModel small_model() {
  SpmModel model;
  model.kind = SpmKind::kBpe;
  model.byte_fallback = true;
  model.remove_extra_whitespaces = false;
  model.pieces.push_back({"<unk>", 0, PieceType::kUnknown});
  model.pieces.push_back({"<s>", 0, PieceType::kControl});
  model.pieces.push_back({"</s>", 0, PieceType::kControl});
  for (int b = 0; b < 256; ++b) model.pieces.push_back({byte_piece(b), 0, PieceType::kByte});
  for (const char* piece : {"ab", "\xe2\x96\x81", "a", "b"}) {
    model.pieces.push_back({piece, -static_cast<float>(model.pieces.size()), PieceType::kNormal});
  }
  return model;
}

TokenizerFiles spm_files(std::string bytes) {
  TokenizerFiles files;
  files.sentencepiece_model = std::move(bytes);
  files.origin = "x.model";
  return files;
}

void expect_spm_refused(const std::string& bytes, std::string_view part,
                        ErrorCode code = ErrorCode::kInvalid) {
  expect_refused(code, part, [&] { Tokenizer::create(spm_files(bytes)); });
}

TEST(MalformedSentencePiece, TheSmallModelItselfIsFine) {
  const auto tokenizer = Tokenizer::create(spm_files(small_model().serialize()));
  EXPECT_EQ(tokenizer->encode("ab"), (std::vector<TokenId>{1, 260, 259}));
}

TEST(MalformedSentencePiece, Empty) {
  expect_spm_refused("\n", "ends");
  expect_spm_refused(std::string(1, '\0'), "field number 0");
}

TEST(MalformedSentencePiece, CutAtEveryByte) {
  const std::string bytes = small_model().serialize();
  int accepted = 0;
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    try {
      Tokenizer::create(spm_files(bytes.substr(0, size)));
      ++accepted;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid) << error.what();
    }
  }
  // Only where a whole field ends can a prefix be a model.
  EXPECT_LT(accepted, 20);
}

TEST(MalformedSentencePiece, VarintOfElevenBytes) {
  expect_spm_refused(std::string(11, '\xff') + "\x01", "longer than 64 bits");
}

TEST(MalformedSentencePiece, WrongWireTypes) {
  expect_spm_refused(std::string("\x08\x01", 2), "wire type");          // pieces as a number
  expect_spm_refused(std::string("\x0f\x01", 2), "unknown wire type");  // type 7
  WireWriter piece, model;
  piece.put_bytes(1, "a");
  piece.put_bytes(2, "1.0");  // the score as text
  model.put_bytes(1, piece.bytes());
  expect_spm_refused(model.bytes(), "wire type");
}

TEST(MalformedSentencePiece, DeepGroups) {
  expect_spm_refused(std::string(100000, '\x0b'), "group");
}

TEST(MalformedSentencePiece, LengthPastTheEnd) {
  expect_spm_refused(std::string("\x0a\xff\xff\xff\xff\x0f", 6), "bytes");
}

TEST(MalformedSentencePiece, PieceOf100Kilobytes) {
  SpmModel model = small_model();
  model.pieces.push_back({std::string(100000, 'a'), 0, PieceType::kNormal});
  expect_spm_refused(model.serialize(), "100000 bytes");
}

TEST(MalformedSentencePiece, NanAndInfiniteScores) {
  for (const float score :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    SpmModel model = small_model();
    model.pieces.back().score = score;
    expect_spm_refused(model.serialize(), "score");
  }
}

TEST(MalformedSentencePiece, EmptyDuplicateAndInvalidPieces) {
  SpmModel model = small_model();
  model.pieces.push_back({"", 0, PieceType::kNormal});
  expect_spm_refused(model.serialize(), "empty");
  model.pieces.back().text = "ab";
  expect_spm_refused(model.serialize(), "twice");
  model.pieces.back().text = "\xff\x1b[31m";
  expect_spm_refused(model.serialize(), "not UTF-8");
  model.pieces.back() = {"<0x4>", 0, PieceType::kByte};
  expect_spm_refused(model.serialize(), "byte piece");
}

TEST(MalformedSentencePiece, MissingUnknownAndBytes) {
  SpmModel model = small_model();
  model.pieces[0].type = PieceType::kNormal;
  expect_spm_refused(model.serialize(), "UNKNOWN");
  model = small_model();
  model.pieces[10].type = PieceType::kUnused;
  expect_spm_refused(model.serialize(), "256 byte pieces");
}

TEST(MalformedSentencePiece, CharsmapOutOfBounds) {
  // The double array: a size, units of 32 bits, then texts.
  const auto charsmap = [](std::vector<std::uint32_t> units, std::string texts) {
    std::string out;
    const auto put = [&out](std::uint32_t value) {
      out.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    put(static_cast<std::uint32_t>(units.size() * 4));
    for (const std::uint32_t unit : units) put(unit);
    return out + texts;
  };
  SpmModel model = small_model();
  const auto refuse = [&](std::string bytes) {
    model.charsmap = std::move(bytes);
    expect_spm_refused(model.serialize(), "precompiled_charsmap");
  };
  refuse("abc");
  refuse(std::string("\xff\xff\xff\x7f", 4) + "abcd");
  refuse(charsmap({0xfffffc00u}, std::string("a\0", 2)));            // the root points outside
  refuse(charsmap(std::vector<std::uint32_t>(256, 1u << 10), "a"));  // texts do not end
  std::vector<std::uint32_t> loop(512, 0xffu | (1u << 10));
  refuse(charsmap(loop, std::string("a\0", 2)));  // nodes with several parents
}

TEST(MalformedSentencePiece, MutantsAreRefusedOrWork) {
  const std::string bytes = small_model().serialize();
  test::Mutator mutator(3);
  for (int i = 0; i < 3000; ++i) {
    try {
      const auto tokenizer = Tokenizer::create(spm_files(mutator.mutant(bytes, bytes.size())));
      tokenizer->decode(tokenizer->encode("ab a \xc3\xa9"));
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kBug) << error.what();
    }
  }
}

TEST(MalformedLlama2c, EveryClass) {
  std::string good;
  const auto put32 = [](std::string& out, std::int32_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put32(good, 6);
  const auto add = [&](std::string_view text) {
    good.append(4, '\0');  // the score
    put32(good, static_cast<std::int32_t>(text.size()));
    good += text;
  };
  add("<unk>");
  add("\n<s>\n");
  add("\n</s>\n");
  for (int b = 0; b < 256; ++b) add(byte_piece(b));
  add(" ");
  const auto load = [](const std::string& bytes, std::int64_t vocab) {
    return from_llama2c_tokenizer(std::as_bytes(std::span(bytes)), vocab, "x.bin");
  };
  EXPECT_EQ(Tokenizer::create(load(good, 260))->encode(" "), (std::vector<TokenId>{1, 259, 259}));
  for (std::size_t size = 0; size < good.size(); ++size) {
    expect_refused(ErrorCode::kInvalid, "x.bin", [&] { load(good.substr(0, size), 260); });
  }
  expect_refused(ErrorCode::kInvalid, "left after", [&] { load(good + "x", 260); });
  expect_refused(ErrorCode::kInvalid, "too small", [&] { load(good, std::int64_t{1} << 40); });
  for (const std::int32_t length : {-1, INT32_MIN, INT32_MAX, 1000}) {
    std::string bad = good;
    std::memcpy(bad.data() + 8, &length, sizeof length);
    expect_refused(ErrorCode::kInvalid, "token 0", [&] { load(bad, 260); });
  }
  std::string bad = good;
  const float nan = std::nanf("");
  std::memcpy(bad.data() + 4, &nan, sizeof nan);
  expect_refused(ErrorCode::kInvalid, "score", [&] { load(bad, 260); });
}

// ---- tokenizer.json

std::string tokenizer_json(std::string_view vocab, std::string_view merges,
                           std::string_view more = "", std::string_view model = "") {
  return fmt::format(R"({{"model":{{"type":"BPE","vocab":{{{}}},"merges":[{}]{}}}{}}})", vocab,
                     merges, model, more);
}

constexpr std::string_view kVocab = R"("a":0,"b":1,"ab":2,"<s>":3)";

std::shared_ptr<const Tokenizer> create(const std::string& json) {
  TokenizerFiles files;
  files.tokenizer_json = json;
  files.origin = "t.json";
  return Tokenizer::create(files);
}

void expect_json_refused(const std::string& json, std::string_view part,
                         ErrorCode code = ErrorCode::kInvalid) {
  expect_refused(code, part, [&] { create(json); });
}

TEST(MalformedTokenizerJson, TheSmallOneItselfIsFine) {
  EXPECT_EQ(create(tokenizer_json(kVocab, R"("a b")"))->encode("aab"),
            (std::vector<TokenId>{0, 2}));
  EXPECT_EQ(create(tokenizer_json(kVocab, R"(["a","b"])"))->encode("aab"),
            (std::vector<TokenId>{0, 2}));
}

TEST(MalformedTokenizerJson, CutAtEveryByte) {
  const std::string json = tokenizer_json(kVocab, R"("a b")");
  for (std::size_t size = 1; size < json.size(); ++size) {
    expect_json_refused(json.substr(0, size), "t.json");
  }
}

TEST(MalformedTokenizerJson, NoObjectNoModelNoBpe) {
  expect_json_refused("[]", "object");
  expect_json_refused("{}", "model");
  expect_json_refused(R"({"model":{"type":"Unigram","vocab":[]}})", "Unigram",
                      ErrorCode::kUnsupported);
  expect_json_refused(R"({"model":{"type":"BPE"}})", "vocab");
  expect_json_refused(R"({"model":{"type":"BPE","vocab":[],"merges":{}}})", "vocab");
}

TEST(MalformedTokenizerJson, NestedDeep) {
  expect_json_refused(R"({"a":)" + std::string(100000, '['), "t.json");
}

TEST(MalformedTokenizerJson, DuplicateKeys) {
  expect_json_refused(R"({"model":null,"model":null})", "twice");
  expect_json_refused(tokenizer_json(R"("a":0,"a":1)", ""), "twice");
}

TEST(MalformedTokenizerJson, IdsWithDuplicatesNegativesAndTwoTo32) {
  expect_json_refused(tokenizer_json(R"("a":0,"b":0)", ""), "same id");
  expect_json_refused(tokenizer_json(R"("a":-1)", ""), "out of range");
  expect_json_refused(tokenizer_json(R"("a":4294967296)", ""), "out of range");
  expect_json_refused(tokenizer_json(R"("a":18446744073709551615)", ""), "out of range");
  expect_json_refused(tokenizer_json(R"("a":1e400)", ""), "t.json");
  expect_json_refused(tokenizer_json(R"("a":"0")", ""), "malformed");
  expect_json_refused(tokenizer_json(R"("a":10000000)", ""), "reach");
}

TEST(MalformedTokenizerJson, IdGapsAreLegal) {
  const auto tokenizer = create(tokenizer_json(R"("a":0,"b":5)", ""));
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, 3, 5}), "a b");
}

TEST(MalformedTokenizerJson, MergesOutsideTheVocabulary) {
  expect_json_refused(tokenizer_json(kVocab, R"("b a")"), "\"ba\"");
  expect_json_refused(tokenizer_json(kVocab, R"("a z")"), "\"z\"");
  expect_json_refused(tokenizer_json(kVocab, R"("ab")"), "merge 0");
  expect_json_refused(tokenizer_json(kVocab, R"("a b c")"), "merge 0");
  expect_json_refused(tokenizer_json(kVocab, R"(["a","b","c"])"), "malformed");
  expect_json_refused(tokenizer_json(kVocab, "1"), "malformed");
}

TEST(MalformedTokenizerJson, UnknownKindsAreRefusedByName) {
  const auto refuse = [](std::string_view part, std::string_view type) {
    expect_json_refused(
        tokenizer_json(kVocab, "", fmt::format(R"(,"{}":{{"type":"{}"}})", part, type)), type,
        ErrorCode::kUnsupported);
  };
  refuse("normalizer", "BertNormalizer");
  refuse("normalizer", "Precompiled");
  refuse("pre_tokenizer", "UnicodeScripts");
  refuse("pre_tokenizer", "BertPreTokenizer");
  refuse("post_processor", "RobertaProcessing");
  refuse("decoder", "WordPiece");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    expect_json_refused(tokenizer_json(kVocab, "", "", fmt::format(R"(,"{}":"##")", key)), key,
                        ErrorCode::kUnsupported);
  }
}

TEST(MalformedTokenizerJson, AddedTokensEmptyDuplicateOrConflicting) {
  const auto refuse = [](std::string_view tokens, std::string_view part) {
    expect_json_refused(tokenizer_json(kVocab, "", fmt::format(R"(,"added_tokens":[{}])", tokens)),
                        part);
  };
  refuse(R"({"id":4,"content":""})", "empty");
  refuse(R"({"id":4,"content":"x"},{"id":5,"content":"x"})", "second");
  refuse(R"({"id":4,"content":"x"},{"id":4,"content":"y"})", "second");
  refuse(R"({"id":0,"content":"x"})", "id 0");
  refuse(R"({"id":-4,"content":"x"})", "id");
  refuse(R"({"id":4294967296,"content":"x"})", "id");
}

TEST(MalformedTokenizerJson, OverlappingAddedTokensTakeTheLongest) {
  const auto tokenizer = create(tokenizer_json(
      kVocab, "", R"(,"added_tokens":[{"id":4,"content":"aa"},{"id":5,"content":"aaab"}])"));
  EXPECT_EQ(tokenizer->encode("aaabaab"), (std::vector<TokenId>{5, 4, 1}));
}

TEST(MalformedTokenizerJson, RegexesBadAndHostile) {
  const auto with = [](std::string_view regex) {
    return tokenizer_json(
        kVocab, "",
        fmt::format(
            R"(,"pre_tokenizer":{{"type":"Split","pattern":{{"Regex":"{}"}},"behavior":"Isolated","invert":false}})",
            regex));
  };
  expect_json_refused(with("("), "regex");
  expect_json_refused(with("[a&&b]"), "intersection", ErrorCode::kUnsupported);
  expect_json_refused(with("[a[b]]"), "set inside a set", ErrorCode::kUnsupported);
  expect_json_refused(with("\\\\p{Nonsense}"), "regex", ErrorCode::kUnsupported);
  expect_json_refused(with(std::string(70000, 'a')), "70000 bytes");
  // Exponential for a backtracking matcher: ends in an error, soon.
  for (const char* regex : {"(a|aa)+$", "(a+)+z", "((a*)*)*z", "(.*.*.*.*.*)*z"}) {
    const auto tokenizer = create(with(regex));
    const std::string text(5000, 'a');
    try {
      tokenizer->encode(text + "b");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimit) << error.what();
    }
  }
}

TEST(MalformedTokenizerJson, PostProcessorIdsOutside) {
  expect_json_refused(
      tokenizer_json(
          kVocab, "",
          R"(,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"q","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"q":{"id":"q","ids":[99],"tokens":["q"]}}})"),
      "99");
}

TEST(MalformedTokenizerJson, MutantsAreRefusedOrWork) {
  const std::string json = tokenizer_json(
      kVocab, R"("a b")",
      R"(,"added_tokens":[{"id":4,"content":"x y","special":true,"lstrip":true}],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\s+|\\w"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false}]},"decoder":{"type":"ByteLevel"})");
  create(json);
  test::Mutator mutator(4);
  for (int i = 0; i < 3000; ++i) {
    try {
      const auto tokenizer = create(mutator.mutant(json, json.size()));
      tokenizer->decode(tokenizer->encode("ab x y \xc3\xa9\xff", {.parse_special = true}));
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kBug) << error.what();
    }
  }
}

// ---- GGUF vocabularies

TEST(MalformedGgufVocabulary, EveryClass) {
  GgufVocabulary good;
  good.model = "gpt2";
  good.pre = "gpt-2";
  good.tokens = {"a", "b", "ab", "<|end|>"};
  good.types = {1, 1, 1, 3};
  good.merges = {"a b"};
  good.eos = 3;
  const auto make = [](GgufVocabulary vocabulary) {
    TokenizerFiles files;
    files.origin = "v.gguf";
    files.gguf = std::move(vocabulary);
    return Tokenizer::create(files);
  };
  EXPECT_EQ(make(good)->encode("ab"), (std::vector<TokenId>{2}));
  const auto refuse = [&](auto&& change, std::string_view part,
                          ErrorCode code = ErrorCode::kInvalid) {
    GgufVocabulary bad = good;
    change(bad);
    expect_refused(code, part, [&] { make(bad); });
  };
  refuse([](auto& v) { v.model = "bert"; }, "bert", ErrorCode::kUnsupported);
  refuse([](auto& v) { v.pre = "jina-v2"; }, "jina-v2", ErrorCode::kUnsupported);
  refuse([](auto& v) { v.tokens.clear(); }, "no tokens");
  refuse([](auto& v) { v.types.pop_back(); }, "3 token types");
  refuse([](auto& v) { v.merges = {"ab"}; }, "merge 0");
  refuse([](auto& v) { v.merges = {"a c"}; }, "\"c\"");
  refuse([](auto& v) { v.merges.clear(); }, "merges");
  refuse([](auto& v) { v.eos = 4; }, "eos_token_id");
  refuse([](auto& v) { v.bos = -2; }, "bos_token_id");
  refuse([](auto& v) { v.tokens[1] = "a"; }, "twice");
  const auto llama = [](auto& v) {
    v.model = "llama";
    v.types = {1, 1, 1, 2};
    v.scores = {0, 0, 0, 0};
  };
  refuse(
      [&](auto& v) {
        llama(v);
        v.scores.pop_back();
      },
      "3 scores");
  refuse(
      [&](auto& v) {
        llama(v);
        v.types[1] = 6;
      },
      "byte piece");
  refuse(
      [&](auto& v) {
        llama(v);
        v.types[1] = 9;
      },
      "type 9");
}

TEST(Limits, UnknownIdsDoNotDecode) {
  const auto tokenizer = create(tokenizer_json(kVocab, ""));
  for (const TokenId id : {-1, 4, INT32_MAX}) {
    expect_refused(ErrorCode::kInvalid, "outside the vocabulary",
                   [&] { tokenizer->decode(std::vector<TokenId>{id}); });
  }
}

}  // namespace
}  // namespace lathe
