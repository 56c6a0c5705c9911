#include "container/llama2c_reader.h"

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>

#include "support/gguf_builder.h"
#include "support/mutate.h"
#include "support/paths.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::le;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;
constexpr std::int32_t kMin = INT32_MIN;
constexpr std::int32_t kMax = INT32_MAX;

using Fields = std::array<std::int32_t, 7>;  // dim hidden layers heads kv_heads vocab seq_len
constexpr Fields kSmall = {8, 12, 2, 2, 1, 5, 3};

std::string header(const Fields& fields) {
  std::string out;
  for (const auto f : fields) out += le(f);
  return out;
}

// Floats that kSmall asks for: head 4, kv 4.
//   5·8 + 2·8 + 2·8·8 + 2·(2·4·8) + 2·8·8 + 2·8 + 3·(2·12·8) + 8 + 2·(3·2), without wcls
constexpr std::size_t kSmallFloats = 40 + 16 + 128 + 128 + 128 + 16 + 576 + 8 + 12;

std::string file(const Fields& fields, std::size_t floats) {
  return header(fields) + std::string(floats * 4, 'f');
}

Llama2cHeader parse(const std::string& bytes) {
  return parse_llama2c(std::as_bytes(std::span(bytes)), "m.bin");
}

void refused(std::string_view part, const std::string& bytes) {
  expect_refused(kInvalid, part, [&] { parse(bytes); });
  EXPECT_FALSE(Llama2cReader::looks_like(std::as_bytes(std::span(bytes))));
}

TEST(Llama2cReader, PlacesTheTensors) {
  const auto h = parse(file(kSmall, kSmallFloats));
  ASSERT_EQ(h.tensors.size(), 13u);
  EXPECT_TRUE(h.shared_classifier);
  EXPECT_EQ(h.tensors[0].offset, 28u);
  EXPECT_EQ(h.tensors[3].name, "wk");
  EXPECT_EQ(h.tensors[3].shape, (std::vector<std::int64_t>{2, 4, 8}));
  EXPECT_EQ(h.tensors[3].offset, 28u + 4 * (40 + 16 + 128));
  EXPECT_EQ(h.tensors[8].name, "w2");
  EXPECT_EQ(h.tensors[8].shape, (std::vector<std::int64_t>{2, 8, 12}));
}

TEST(Llama2cReader, ReadsASeparateClassifier) {
  Fields fields = kSmall;
  fields[5] = -5;
  const auto h = parse(file(fields, kSmallFloats + 40));
  EXPECT_FALSE(h.shared_classifier);
  EXPECT_EQ(h.vocab_size, 5);
  EXPECT_EQ(h.tensors.back().name, "wcls");
  EXPECT_EQ(h.tensors.back().offset, 28 + 4 * kSmallFloats);
}

TEST(Llama2cMalformed, EmptyOneByteAndCutAtEveryField) {
  refused("is empty", "");
  refused("ends inside dim", "x");
  const std::string bytes = file(kSmall, kSmallFloats);
  for (std::size_t size = 1; size < 28; ++size) refused("m.bin", bytes.substr(0, size));
  for (std::size_t size = 28; size < bytes.size(); size += 4) {
    refused("it is cut", bytes.substr(0, size));
  }
}

TEST(Llama2cMalformed, SizeIsNotWhatTheHeaderAsks) {
  refused("something was appended", file(kSmall, kSmallFloats) + "x");
  refused("something was appended", file(kSmall, kSmallFloats + 40));
  refused("it is cut", file(kSmall, kSmallFloats - 1));
}

TEST(Llama2cMalformed, ZeroAndNegativeFields) {
  for (const std::size_t field : {0u, 1u, 2u, 3u, 4u, 6u}) {
    for (const std::int32_t value : {0, -1, kMin}) {
      Fields fields = kSmall;
      fields[field] = value;
      refused("is not a llama2.c model", file(fields, kSmallFloats));
    }
  }
  Fields fields = kSmall;
  fields[5] = 0;
  refused("vocab_size is 0", file(fields, kSmallFloats));
}

TEST(Llama2cMalformed, TheLeastVocabulary) {
  Fields fields = kSmall;
  fields[5] = kMin;  // its absolute value does not fit an int32
  refused("asks for tensor token_embedding", file(fields, kSmallFloats));
}

TEST(Llama2cMalformed, ProductsThatWrap) {
  for (const std::size_t field : {1u, 2u, 5u, 6u}) {
    Fields fields = kSmall;
    fields[field] = kMax;
    refused("m.bin", file(fields, kSmallFloats));
  }
  // vocab · dim · 4 passes 2^64.
  refused("63 bits", file({kMax - 1, 1, 1, 1, 1, kMax, 1}, 16));
  refused("m.bin", file({kMax - 1, kMax, kMax, 1, 1, kMax, kMax}, 16));
}

TEST(Llama2cMalformed, HeadsThatDoNotDivide) {
  Fields fields = kSmall;
  fields[3] = 3;
  refused("no multiple of n_heads", file(fields, kSmallFloats));
  fields = kSmall;
  fields[3] = 4;
  fields[4] = 3;
  refused("no multiple of n_kv_heads", file(fields, kSmallFloats));
  fields = kSmall;
  fields[4] = 4;  // more than heads
  refused("no multiple of n_kv_heads", file(fields, kSmallFloats));
  fields = kSmall;
  fields[3] = fields[4] = 8;  // heads of one element
  refused("an odd number", file(fields, kSmallFloats));
}

TEST(Llama2cMutants, AreRefusedOrConsistent) {
  const std::string original = file(kSmall, kSmallFloats);
  test::Mutator mutator(3);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = mutator.mutant(original, 28);
    try {
      for (const auto& t : parse(bytes).tensors) {
        EXPECT_LE(t.offset + t.bytes, bytes.size());
      }
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), kInvalid) << e.what();
    }
  }
}

TEST(Llama2cReader, ReadsTheRealModel) {
  const std::string path = shared_data("stories260K.bin");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const auto r = Llama2cReader::open(path);
  const auto& h = r->header();
  EXPECT_EQ(h.dim, 64);
  EXPECT_EQ(h.hidden_dim, 172);
  EXPECT_EQ(h.n_layers, 5);
  EXPECT_EQ(h.n_heads, 8);
  EXPECT_EQ(h.n_kv_heads, 4);
  EXPECT_EQ(h.vocab_size, 512);
  EXPECT_EQ(h.seq_len, 512);
  EXPECT_TRUE(h.shared_classifier);
  // The stored angles say whether the places are right: row p of freq_cis_real is cos(p · f).
  const auto t = r->find_tensor("freq_cis_real");
  ASSERT_TRUE(t);
  float cosines[8];
  std::memcpy(cosines, r->tensor_data(*t).data(), sizeof cosines);
  EXPECT_EQ(cosines[0], 1.0f);
  EXPECT_NEAR(cosines[4], std::cos(1.0f), 1e-6f);
  EXPECT_NEAR(cosines[5], std::cos(0.1f), 1e-6f);
}

}  // namespace
}  // namespace lathe
