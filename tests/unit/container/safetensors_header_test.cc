// Well-formed safetensors headers, and every way in which one is refused.
#include "container/safetensors_header.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/gguf_builder.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::le;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;
constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;

// Quadratic time with so many would be hours, which no test run survives.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kManyNames = 100'000;
#else
constexpr std::size_t kManyNames = 1'000'000;
#endif

std::string file(std::string_view json, std::size_t data_bytes) {
  return le<std::uint64_t>(json.size()) + std::string(json) + std::string(data_bytes, 'd');
}

SafetensorsHeader parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "m.safetensors");
}

void refused(ErrorCode code, std::string_view part, const std::string& bytes) {
  expect_refused(code, part, [&] { parse(bytes); });
}

// One tensor "t" with these members, and 8 bytes of data.
std::string one(std::string_view members) {
  return file("{\"t\":{" + std::string(members) + "}}", 8);
}

TEST(SafetensorsHeader, ReadsTensorsByOffset) {
  const auto h = parse(file(
      R"({"__metadata__":{"format":"pt","k":""},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},)"
      R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("z":{"dtype":"I64","shape":[0,5],"data_offsets":[8,8]},)"
      R"("s":{"data_offsets":[12,13],"shape":[],"dtype":"BOOL"}}   )",
      13));
  ASSERT_EQ(h.tensors.size(), 4u);
  EXPECT_EQ(h.tensors[0].name, "a");
  EXPECT_EQ(h.tensors[0].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(h.tensors[0].offset, h.data_offset);
  EXPECT_EQ(h.tensors[1].name, "z");
  EXPECT_EQ(h.tensors[1].bytes, 0u);
  EXPECT_EQ(h.tensors[2].name, "b");
  EXPECT_EQ(h.tensors[2].dtype, DType::kF16);
  EXPECT_TRUE(h.tensors[3].shape.empty());
  EXPECT_EQ(h.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, ReadsEveryType) {
  for (const char* name : {"F32", "F16", "BF16", "F64", "I8", "U8", "I16", "I32", "I64", "BOOL"}) {
    const DType dtype = *dtype_by_name(name);
    const auto bytes = static_cast<std::size_t>(dtype_info(dtype).bytes) * 3;
    const auto h = parse(file(
        fmt::format(R"({{"t":{{"dtype":"{}","shape":[3],"data_offsets":[0,{}]}}}})", name, bytes),
        bytes));
    EXPECT_EQ(h.tensors[0].dtype, dtype);
    EXPECT_EQ(safetensors_type_name(dtype), name);
  }
  EXPECT_EQ(safetensors_type_name(DType::kQ4_K), std::nullopt);
}

TEST(SafetensorsHeader, AnEmptyFileOfTheFormatIsLegal) {
  EXPECT_TRUE(parse(file("{}", 0)).tensors.empty());
  EXPECT_TRUE(parse(file("{\"__metadata__\":{}}", 0)).tensors.empty());
}

TEST(SafetensorsMalformed, EmptyAndOneByte) {
  refused(kInvalid, "is empty", "");
  refused(kInvalid, "ends inside the header's length", "x");
}

TEST(SafetensorsMalformed, CutAtEveryByte) {
  const std::string bytes = file(R"({"t":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})", 8);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    refused(kInvalid, "m.safetensors", bytes.substr(0, size));
  }
}

TEST(SafetensorsMalformed, HeaderLengths) {
  const std::string json = "{}";
  refused(kInvalid, "announces 100000000 bytes", le<std::uint64_t>(100'000'000) + json);
  refused(kInvalid, "not a safetensors file", le<std::uint64_t>(100'000'001) + json);
  refused(kInvalid, "not a safetensors file", le(UINT64_MAX) + json);
  refused(kInvalid, "announces 3 bytes", le<std::uint64_t>(3) + json);
  refused(kInvalid, "does not begin with '{'", le<std::uint64_t>(0) + json);
}

TEST(SafetensorsMalformed, BeginsWithSomethingElse) {
  for (const char* json : {" {}", "[]", "\xef\xbb\xbf{}", "\"a\"", "7"}) {
    refused(kInvalid, "does not begin with '{'", file(json, 0));
  }
}

TEST(SafetensorsMalformed, NoJson) {
  refused(kInvalid, "is not valid JSON", file("{", 0));
  refused(kInvalid, "is not valid JSON", file("{}{}", 0));
  refused(kInvalid, "NUL byte", file(std::string("{}\0", 3), 0));
  refused(kInvalid, "holds an array", file("{\"t\":" + std::string(100'000, '['), 0));
}

TEST(SafetensorsMalformed, DeepNesting) {
  std::string deep = "{";
  for (int i = 0; i < 100'000; ++i) deep += "\"a\":{";
  EXPECT_THROW(parse(file(deep, 0)), Error);
}

TEST(SafetensorsMalformed, Spans) {
  refused(kInvalid, "data_offsets [8, 0]",
          one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"));
  refused(kInvalid, "ask for 12 bytes", one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"));
  refused(kInvalid, "ask for 8 bytes", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,7])"));
  refused(kInvalid, "reaches past the end",
          one(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"));
  refused(
      kInvalid, "reaches past the end",
      one(R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551600,18446744073709551608])"));
  refused(kInvalid, "hole of 4 bytes", one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"));
  refused(kInvalid, "4 bytes follow the last tensor",
          one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"));
  refused(kInvalid, "8 bytes follow the last tensor", file("{}", 8));
}

TEST(SafetensorsMalformed, HolesAndOverlaps) {
  const auto two = [](int a0, int a1, int b0, int b1, std::size_t data) {
    return file(fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},)"
                            R"("b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
                            a1 - a0, a0, a1, b1 - b0, b0, b1),
                data);
  };
  EXPECT_NO_THROW(parse(two(0, 4, 4, 8, 8)));
  EXPECT_NO_THROW(parse(two(4, 8, 0, 4, 8)));
  refused(kInvalid, "hole of 1 bytes", two(0, 4, 5, 8, 8));
  refused(kInvalid, "overlaps", two(0, 5, 4, 8, 8));
  refused(kInvalid, "overlaps", two(0, 8, 0, 8, 8));
  refused(kInvalid, "overlaps", two(0, 8, 2, 4, 8));
  refused(kInvalid, "overlaps", two(0, 8, 4, 4, 8));  // an empty tensor inside another
}

TEST(SafetensorsMalformed, NumbersThatAreNoOffsets) {
  for (const char* number : {"-1", "0.0", "1e2", "null", "true", "\"0\"", "[0]", "{}"}) {
    refused(kInvalid, "holds",
            one(fmt::format(R"("dtype":"F32","shape":[2],"data_offsets":[{},8])", number)));
    refused(kInvalid, "holds",
            one(fmt::format(R"("dtype":"F32","shape":[{}],"data_offsets":[0,8])", number)));
  }
  refused(kInvalid, "no integer",
          one(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616])"));
  refused(kInvalid, "is not valid JSON",
          one(R"("dtype":"F32","shape":[2],"data_offsets":[1e400,8])"));
  refused(kInvalid, "fewer than two", one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"));
  refused(kInvalid, "more than two", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])"));
}

TEST(SafetensorsMalformed, ProductsThatWrap) {
  refused(kInvalid, "63 bits",
          one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"));
  refused(kInvalid, "63 bits",
          one(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])"));
  refused(kInvalid, "63 bits",
          one(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0])"));
  refused(kInvalid, "more than 32 dimensions", one("\"dtype\":\"U8\",\"shape\":[1" + [] {
            std::string ones;
            for (int i = 0; i < 40; ++i) ones += ",1";
            return ones;
          }() + "],\"data_offsets\":[0,1]"));
}

TEST(SafetensorsMalformed, MissingUnknownAndRepeatedFields) {
  refused(kInvalid, "lacks dtype", one(R"("dtype":"F32","shape":[2])"));
  refused(kInvalid, "lacks dtype", one(R"("shape":[2],"data_offsets":[0,8])"));
  refused(kInvalid, "lacks dtype", one(R"("dtype":"F32","data_offsets":[0,8])"));
  refused(kInvalid, "lacks dtype", one(""));
  refused(kUnsupported, "the field \"codec\"",
          one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"codec":"x")"));
  refused(kInvalid, "field \"shape\" occurs twice",
          one(R"("dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8])"));
  refused(kInvalid, "the header holds a string", file(R"({"t":"x"})", 0));
  refused(kInvalid, "the header holds an array", file(R"({"t":[]})", 0));
}

TEST(SafetensorsMalformed, Types) {
  for (const char* type : {"F8_E4M3FNUZ", "F6_E2M3", "U16", "C64"}) {
    refused(kUnsupported, type,
            one(fmt::format(R"("dtype":"{}","shape":[8],"data_offsets":[0,8])", type)));
  }
  refused(kInvalid, "unknown type \"f32\"",
          one(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])"));
  refused(kInvalid, "unknown type \"Q4_K\"",
          one(R"("dtype":"Q4_K","shape":[2],"data_offsets":[0,8])"));
  refused(kInvalid, "holds a number", one(R"("dtype":0,"shape":[2],"data_offsets":[0,8])"));
}

TEST(SafetensorsHeader, PartsOfQuantizedMatricesAreBytesWithTheirTypesName) {
  const struct {
    const char* name;
    DType as;
    std::int64_t elements;
  } kTypes[] = {{"F8_E4M3", DType::kU8, 8}, {"F8_E5M2", DType::kU8, 8}, {"F8_E8M0", DType::kU8, 8},
                {"F4", DType::kU8, 16},     {"U32", DType::kI32, 2},    {"U64", DType::kI64, 1}};
  for (const auto& type : kTypes) {
    const std::string bytes = one(
        fmt::format(R"("shape":[{}],"dtype":"{}","data_offsets":[0,8])", type.elements, type.name));
    const SafetensorsHeader header = parse_safetensors(std::as_bytes(std::span(bytes)), "f");
    ASSERT_EQ(header.tensors.size(), 1U);
    EXPECT_EQ(header.bytes_types.at("t"), type.name);
    EXPECT_EQ(header.tensors[0].dtype, type.as);
    EXPECT_EQ(header.tensors[0].bytes, 8U);
  }
  refused(kInvalid, "no whole bytes", one(R"("dtype":"F4","shape":[15],"data_offsets":[0,8])"));
}

TEST(SafetensorsMalformed, Metadata) {
  for (const char* value : {"1", "null", "true", "[]", "{}", "1.5"}) {
    refused(kInvalid, "metadata key \"k\" holds",
            file(fmt::format(R"({{"__metadata__":{{"k":{}}}}})", value), 0));
  }
  refused(kInvalid, "metadata key \"k\" occurs twice",
          file(R"({"__metadata__":{"k":"1","k":"2"}})", 0));
  refused(kInvalid, "occurs twice", file(R"({"__metadata__":{},"__metadata__":{}})", 0));
}

TEST(SafetensorsMalformed, Names) {
  const auto named = [](std::string_view name) {
    return file("{\"" + std::string(name) + R"(":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
                8);
  };
  refused(kInvalid, "contains a NUL byte", named("a\\u0000b"));
  refused(kInvalid, "is empty", named(""));
  refused(kInvalid, "is not valid JSON", named("\xff"));
  refused(kInvalid, "is not valid JSON", named("\\ud800"));
  refused(kInvalid, "occurs twice",
          file(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
               R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               0));
  // The escape is shown, not sent to the terminal.
  refused(kInvalid, "\\x1b",
          file(R"({"\u001b[2J":{"dtype":"U8","shape":[9],"data_offsets":[0,8]}})", 8));
}

TEST(SafetensorsMalformed, AMillionNamesTakeLinearTime) {
  std::string json = "{";
  for (std::size_t i = 0; i < kManyNames; ++i) {
    if (i != 0) json += ',';
    json += "\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  json += '}';
  EXPECT_EQ(parse(file(json, 0)).tensors.size(), kManyNames);
}

}  // namespace
}  // namespace lathe
