// Well-formed GGUF headers, and every way in which one is refused.
#include "container/gguf_header.h"

#include <gtest/gtest.h>

#include "support/gguf_builder.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::gguf_string;
using test::GgufBuilder;
using test::GgufTestTensor;
using test::le;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;
constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;

// Quadratic time with so many would be hours, which no test run survives.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kManyNames = 100'000;
#else
constexpr std::size_t kManyNames = 1'000'000;
#endif

GgufHeader parse(const std::string& bytes) {
  return parse_gguf(std::as_bytes(std::span(bytes)), "model.gguf");
}

void refused(ErrorCode code, std::string_view part, const std::string& bytes) {
  expect_refused(code, part, [&] { parse(bytes); });
}

GgufBuilder small() {
  GgufBuilder b;
  b.text("general.architecture", "llama").u32("n", 5).texts("tokens", {"a", "", "c"});
  b.f32_tensor("x", 2, 3).f32_tensor("y", 1, 9);
  return b;
}

TEST(GgufHeader, ReadsMetadataAndTensors) {
  for (const std::uint32_t version : {2u, 3u}) {
    GgufBuilder b = small();
    b.version = version;
    const std::string bytes = b.build();
    const GgufHeader h = parse(bytes);
    EXPECT_EQ(h.version, version);
    EXPECT_EQ(h.alignment, 32u);
    ASSERT_EQ(h.metadata.size(), 3u);
    EXPECT_EQ(h.metadata[0].key, "general.architecture");
    EXPECT_EQ(h.metadata[0].value.type, GgufType::kString);
    EXPECT_EQ(h.metadata[2].value.count, 3u);
    ASSERT_EQ(h.tensors.size(), 2u);
    EXPECT_EQ(h.tensors[0].name, "x");
    EXPECT_EQ(h.tensors[0].shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(h.tensors[0].bytes, 24u);
    EXPECT_EQ(h.tensors[0].offset, h.data_offset);
    EXPECT_EQ(h.tensors[1].offset, h.data_offset + 32);
    EXPECT_EQ(h.data_offset % 32, 0u);
  }
}

TEST(GgufHeader, ReadsEveryTypeByItsNumber) {
  const struct {
    std::uint32_t number;
    DType dtype;
  } types[] = {
      {0, DType::kF32},    {1, DType::kF16},      {30, DType::kBF16},    {24, DType::kI8},
      {25, DType::kI16},   {26, DType::kI32},     {27, DType::kI64},     {28, DType::kF64},
      {2, DType::kQ4_0},   {3, DType::kQ4_1},     {6, DType::kQ5_0},     {7, DType::kQ5_1},
      {8, DType::kQ8_0},   {12, DType::kQ4_K},    {13, DType::kQ5_K},    {14, DType::kQ6_K},
      {10, DType::kQ2_K},  {11, DType::kQ3_K},    {20, DType::kIQ4_NL},  {23, DType::kIQ4_XS},
      {39, DType::kMXFP4}, {40, DType::kNVFP4},   {34, DType::kTQ1_0},   {35, DType::kTQ2_0},
      {41, DType::kQ1_0},  {42, DType::kQ2_0},    {16, DType::kIQ2_XXS}, {17, DType::kIQ2_XS},
      {22, DType::kIQ2_S}, {18, DType::kIQ3_XXS}, {21, DType::kIQ3_S},   {19, DType::kIQ1_S},
      {29, DType::kIQ1_M}};
  for (const auto& t : types) {
    GgufBuilder b;
    const auto bytes = *dtype_bytes(t.dtype, 512);
    b.tensor({"t", {256, 2}, t.number, std::string(bytes, 'x'), {}, {}});
    const std::string file = b.build();
    const GgufHeader h = parse(file);
    EXPECT_EQ(h.tensors[0].dtype, t.dtype);
    EXPECT_EQ(h.tensors[0].bytes, bytes);
  }
}

TEST(GgufHeader, ReadsAVocabularyWithoutTensors) {
  const std::string bytes = GgufBuilder().text("a", "b").build();
  EXPECT_TRUE(parse(bytes).tensors.empty());
}

TEST(GgufHeader, TakesTensorsInAnyOrderOfOffsets) {
  GgufBuilder b;
  b.tensor({"late", {8}, 0, "", 32, {}});
  b.tensor({"early", {8}, 0, std::string(64, 'x'), 0, {}});
  const std::string bytes = b.build();
  const GgufHeader h = parse(bytes);
  EXPECT_EQ(h.tensors[0].name, "late");
  EXPECT_EQ(h.tensors[0].offset, h.tensors[1].offset + 32);
}

TEST(GgufHeader, TakesAnAlignmentOfItsOwn) {
  GgufBuilder b = small();
  b.alignment = 4096;
  b.u32("general.alignment", 4096);
  const std::string bytes = b.build();
  EXPECT_EQ(parse(bytes).data_offset, 4096u);
}

TEST(GgufHeader, TakesAFileThatEndsWithoutPadding) {
  GgufBuilder b;
  b.f32_tensor("x", 1, 3);
  std::string bytes = b.build();
  bytes.resize(bytes.size() - 20);  // 12 of 32 bytes are the tensor
  EXPECT_EQ(parse(bytes).tensors.size(), 1u);
}

// ---- any format

TEST(GgufMalformed, EmptyAndOneByte) {
  refused(kInvalid, "is empty", "");
  refused(kInvalid, "ends inside the magic number", "G");
  refused(kInvalid, "not a GGUF file", "x");
}

TEST(GgufMalformed, CutAtEveryByte) {
  GgufBuilder b;
  b.text("a", "b").texts("t", {"x", "y"}).i32s("i", {1, 2}).f32("f", 1).f32_tensor("x", 2, 2);
  const std::string bytes = b.build();
  // The last tensor ends 16 bytes before the end: those are padding, which may be missing.
  for (std::size_t size = 0; size < bytes.size() - 16; ++size) {
    refused(kInvalid, "model.gguf", bytes.substr(0, size));
  }
  EXPECT_NO_THROW(parse(bytes.substr(0, bytes.size() - 16)));
}

TEST(GgufMalformed, TrailingBytes) {
  refused(kInvalid, "follow the end of the last tensor", small().build() + "x");
  std::string vocabulary = GgufBuilder().text("a", "b").build();
  refused(kInvalid, "follow the end of the header", vocabulary + std::string(64, '\0'));
}

TEST(GgufMalformed, WrongMagicVersionAndEndianness) {
  GgufBuilder b = small();
  b.magic = "GGML";
  refused(kInvalid, "not a GGUF file", b.build());
  for (const std::uint32_t version : {0u, 4u, 0xffffffffu}) {
    b = small();
    b.version = version;
    refused(kInvalid, "has GGUF version", b.build());
  }
  b = small();
  b.version = 1;
  refused(kUnsupported, "GGUF version 1", b.build());
  b.version = 0x03000000;
  refused(kUnsupported, "big-endian", b.build());
}

TEST(GgufMalformed, CountsTheFileCannotHold) {
  for (const std::uint64_t count : {std::uint64_t{1} << 20, std::uint64_t{1} << 60, UINT64_MAX}) {
    GgufBuilder b = small();
    b.tensor_count = count;
    refused(kInvalid, "tensors, more than the file's", b.build());
    b = small();
    b.key_count = count;
    refused(kInvalid, "keys, more than the file's", b.build());
    b = GgufBuilder();
    b.raw("a", 9, le<std::uint32_t>(4) + le(count) + std::string(16, 'x'));
    refused(kInvalid, "elements, more than the file can hold", b.build());
    b = GgufBuilder();
    b.raw("a", 9, le<std::uint32_t>(8) + le(count) + std::string(16, '\0'));
    refused(kInvalid, "elements, more than the file can hold", b.build());
  }
}

TEST(GgufMalformed, CountsTooSmall) {
  GgufBuilder b = small();
  b.key_count = 0;
  EXPECT_THROW(parse(b.build()), Error);
  b = small();
  b.tensor_count = 0;
  refused(kInvalid, "follow the end of the header", b.build());
  b = small();
  b.tensor_count = 1;
  refused(kInvalid, "follow the end of the last tensor", b.build());
}

TEST(GgufMalformed, LengthsOfStrings) {
  for (const std::uint64_t size : {std::uint64_t{1000}, std::uint64_t{1} << 63, UINT64_MAX}) {
    GgufBuilder b;
    b.raw("k", 8, le(size) + "abc");
    refused(kInvalid, "ends inside a string value", b.build());
  }
}

TEST(GgufMalformed, ProductsThatWrap) {
  const auto with_dims = [](std::vector<std::uint64_t> dims, std::uint32_t type) {
    GgufBuilder b;
    b.tensor({"t", std::move(dims), type, std::string(64, 'x'), {}, {}});
    return b.build();
  };
  const std::uint64_t big = std::uint64_t{1} << 32;
  refused(kInvalid, "does not fit 63 bits", with_dims({big, big}, 0));
  refused(kInvalid, "does not fit 63 bits", with_dims({big, big, big, big}, 0));
  // 2^61 elements fit, their bytes do not.
  refused(kInvalid, "does not fit 63 bits", with_dims({std::uint64_t{1} << 61}, 0));
  refused(kInvalid, "reaches past the end", with_dims({std::uint64_t{1} << 59}, 0));
}

TEST(GgufMalformed, OffsetsThatWrap) {
  for (const std::uint64_t offset : {UINT64_MAX - 31, std::uint64_t{1} << 63}) {
    GgufBuilder b;
    b.tensor({"t", {16}, 0, std::string(64, 'x'), offset, {}});
    refused(kInvalid, "reaches past the end", b.build());
  }
}

TEST(GgufMalformed, DuplicateKeyAndTensor) {
  refused(kInvalid, "\"n\" occurs twice", small().u32("n", 5).build());
  refused(kInvalid, "tensor \"x\" occurs twice", small().f32_tensor("x", 1, 1).build());
}

TEST(GgufMalformed, NamesThatAreNoText) {
  const std::string nul("a\0b", 3);
  refused(kInvalid, "contains a NUL byte", GgufBuilder().u32(nul, 1).build());
  refused(kInvalid, "contains a NUL byte", GgufBuilder().f32_tensor(nul, 1, 1).build());
  refused(kInvalid, "not valid UTF-8", GgufBuilder().u32("a\xff", 1).build());
  refused(kInvalid, "not valid UTF-8", GgufBuilder().f32_tensor("\xed\xa0\x80", 1, 1).build());
  refused(kInvalid, "is empty", GgufBuilder().u32("", 1).build());
  refused(kInvalid, "is empty", GgufBuilder().f32_tensor("", 1, 1).build());
  refused(kInvalid, "more than 65535", GgufBuilder().u32(std::string(70000, 'a'), 1).build());
}

TEST(GgufMalformed, ControlBytesDoNotReachTheTerminal) {
  GgufBuilder b;
  b.tensor({"\x1b]0;owned\x07", {3}, 99, std::string(12, 'x'), {}, {}});
  refused(kInvalid, "\\x1b]0;owned\\x07", b.build());
}

TEST(GgufMalformed, AMillionNamesTakeLinearTime) {
  GgufBuilder b;
  for (std::size_t i = 0; i < kManyNames; ++i) b.u32("k" + std::to_string(i), 1);
  const std::string bytes = b.build();
  EXPECT_EQ(parse(bytes).metadata.size(), kManyNames);
}

// ---- GGUF's own

TEST(GgufMalformed, Alignment) {
  for (const std::uint32_t a : {0u, 1u, 4u, 3u, 33u, 1u << 22, 1u << 31, 0xffffffffu}) {
    refused(kInvalid, "not a power of two", small().u32("general.alignment", a).build());
  }
  refused(kInvalid, "is i32, not u32", small().i32("general.alignment", 32).build());
  refused(kInvalid, "is string, not u32", small().text("general.alignment", "32").build());
}

TEST(GgufMalformed, UnknownValueType) {
  for (const std::uint32_t type : {13u, 100u, 0xffffffffu}) {
    refused(kInvalid, "unknown value type", GgufBuilder().raw("k", type, "12345678").build());
    refused(kInvalid, "unknown value type",
            GgufBuilder().raw("k", 9, le(type) + le<std::uint64_t>(0)).build());
  }
}

TEST(GgufMalformed, ArraysOfArrays) {
  std::string nested;
  for (int depth = 0; depth < 100'000; ++depth) {
    nested += le<std::uint32_t>(9) + le<std::uint64_t>(1);
  }
  refused(kUnsupported, "array of arrays", GgufBuilder().raw("k", 9, nested).build());
}

TEST(GgufMalformed, BoolThatIsNeither) {
  refused(kInvalid, "neither 0 nor 1", GgufBuilder().raw("k", 7, "\x02").build());
  refused(kInvalid, "neither 0 nor 1",
          GgufBuilder().raw("k", 9, le<std::uint32_t>(7) + le<std::uint64_t>(1) + "\xff").build());
}

TEST(GgufMalformed, NumberOfDimensions) {
  for (const std::uint32_t n : {0u, 5u, 0xffffffffu}) {
    GgufBuilder b;
    b.tensor({"t", {1, 1, 1, 1, 1}, 0, "abcd", {}, n});
    refused(kInvalid, "dimensions; 1 to 4 are possible", b.build());
  }
}

TEST(GgufMalformed, DimensionZeroOrNegative) {
  for (const std::uint64_t dim : {std::uint64_t{0}, UINT64_MAX, std::uint64_t{1} << 63}) {
    GgufBuilder b;
    b.tensor({"t", {4, dim}, 0, std::string(64, 'x'), {}, {}});
    refused(kInvalid, "has the dimension", b.build());
  }
}

TEST(GgufMalformed, TensorTypes) {
  const auto with_type = [](std::uint32_t type) {
    GgufBuilder b;
    b.tensor({"t", {256}, type, std::string(1024, 'x'), {}, {}});
    return b.build();
  };
  for (const std::uint32_t removed : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u}) {
    refused(kInvalid, "was removed from the format", with_type(removed));
  }
  for (const std::uint32_t unknown : {43u, 97u, 255u, 0xffffffffu}) {
    refused(kInvalid, "unknown type", with_type(unknown));
  }
  // ggml's of sums, and ik_llama.cpp's own.
  const std::pair<std::uint32_t, std::string_view> known[] = {
      {9, "Q8_1"}, {15, "Q8_K"}, {133, "Q6_0"}, {139, "IQ4_K"}, {158, "IQ1_KT"}, {399, "Q8_K_R8"}};
  for (const auto& [type, name] : known) refused(kUnsupported, name, with_type(type));
}

TEST(GgufMalformed, RowsThatAreNoMultipleOfTheBlock) {
  GgufBuilder b;
  b.tensor({"t", {16, 2}, 8, std::string(34, 'x'), {}, {}});  // 32 elements, rows of 16
  refused(kInvalid, "no multiple of Q8_0's block of 32", b.build());
  b = GgufBuilder();
  b.tensor({"t", {128, 2}, 12, std::string(144, 'x'), {}, {}});
  refused(kInvalid, "no multiple of Q4_K's block of 256", b.build());
}

TEST(GgufMalformed, OffsetsMisalignedOverlappingOrPastTheEnd) {
  const auto second_at = [](std::uint64_t offset) {
    GgufBuilder b;
    b.f32_tensor("x", 4, 8);  // 128 bytes
    b.tensor({"y", {8}, 0, std::string(32, 'y'), offset, {}});
    return b.build();
  };
  refused(kInvalid, "no multiple of the alignment", second_at(129));
  refused(kInvalid, "overlaps the tensor before it", second_at(96));
  refused(kInvalid, "overlaps the tensor before it", second_at(0));
  refused(kInvalid, "reaches past the end", second_at(160));
  EXPECT_NO_THROW(parse(second_at(128)));
}

TEST(GgufMalformed, HolesBetweenTensors) {
  GgufBuilder b;
  b.f32_tensor("x", 1, 8);
  b.tensor({"y", {8}, 0, std::string(96, 'y'), 64, {}});
  refused(kInvalid, "unused bytes precede tensor", b.build());
}

}  // namespace
}  // namespace lathe
