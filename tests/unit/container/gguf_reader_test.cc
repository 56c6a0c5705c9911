// Opening GGUF models: typed lookups, splits, what the writer wrote, mutants.
#include "container/gguf_reader.h"

#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

#include "lathe/host/output_file.h"

#include "container/gguf_writer.h"
#include "support/gguf_builder.h"
#include "support/mutate.h"
#include "support/refusal.h"
#include "support/temp_folder.h"
#include "tensor/dequantize.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::GgufBuilder;
using test::TempFolder;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;

TEST(GgufReader, LooksUpEveryTypeAndRefusesOthers) {
  TempFolder folder;
  GgufBuilder b;
  b.u32("u32", 7).i32("i32", -7).u64("u64", UINT64_MAX).f32("f32", 0.5f).boolean("yes", true);
  b.text("text", "words").texts("texts", {"a", "", "c"}).i32s("ints", {1, -2}).f32s("floats", {2});
  const auto r = GgufReader::open(folder.write("a.gguf", b.build()));
  EXPECT_EQ(r->get_int("u32"), 7);
  EXPECT_EQ(r->get_int("i32"), -7);
  EXPECT_EQ(r->get_int("absent"), std::nullopt);
  EXPECT_EQ(r->get_double("f32"), 0.5);
  EXPECT_EQ(r->get_double("i32"), -7.0);
  EXPECT_EQ(r->get_bool("yes"), true);
  EXPECT_EQ(r->get_string("text"), "words");
  EXPECT_EQ(r->get_strings("texts"), (std::vector<std::string_view>{"a", "", "c"}));
  EXPECT_EQ(r->get_ints("ints"), (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(r->get_floats("floats"), std::vector<float>{2});
  EXPECT_EQ(r->get_int_or_ints("ints"), (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(r->get_int_or_ints("u32"), std::vector<std::int64_t>{7});
  EXPECT_EQ(r->require_int("u32", 0, 10), 7);

  expect_refused(kInvalid, "does not fit 63 bits", [&] { r->get_int("u64"); });
  expect_refused(kInvalid, "\"text\" is string, not an integer", [&] { r->get_int("text"); });
  expect_refused(kInvalid, "is an array of i32, not a string", [&] { r->get_string("ints"); });
  expect_refused(kInvalid, "not an array of strings", [&] { r->get_strings("floats"); });
  expect_refused(kInvalid, "not an array of integers", [&] { r->get_ints("texts"); });
  expect_refused(kInvalid, "not an array of floats", [&] { r->get_floats("u32"); });
  expect_refused(kInvalid, "not a bool", [&] { r->get_bool("u32"); });
  expect_refused(kInvalid, "is missing", [&] { r->require_int("absent", 0, 1); });
  expect_refused(kInvalid, "8 to 9 are possible", [&] { r->require_int("u32", 8, 9); });
}

TEST(GgufReader, RefusesWhatIsNoFile) {
  TempFolder folder;
  expect_refused(ErrorCode::kIo, "folder", [&] { GgufReader::open(folder.path()); });
  expect_refused(ErrorCode::kIo, "cannot open", [&] { GgufReader::open(folder.file("no")); });
  expect_refused(ErrorCode::kIo, "device", [] { GgufReader::open("/dev/null"); });
}

TEST(GgufReader, NoticesAFileThatChanged) {
  TempFolder folder;
  const std::string path = folder.write("a.gguf", GgufBuilder().u32("a", 1).build());
  const auto r = GgufReader::open(path);
  EXPECT_TRUE(r->unchanged());
  folder.write("a.gguf", GgufBuilder().u32("a", 1).u32("b", 1).build());
  EXPECT_FALSE(r->unchanged());
}

// ---- splits

class GgufSplits : public ::testing::Test {
 protected:
  static std::string name(int no, int count) {
    char text[40];
    std::snprintf(text, sizeof text, "m-%05d-of-%05d.gguf", no + 1, count);
    return text;
  }
  GgufBuilder part(int no, int count) const {
    GgufBuilder b;
    b.u16("split.no", static_cast<std::uint16_t>(no));
    b.u16("split.count", static_cast<std::uint16_t>(count));
    b.i32("split.tensors.count", 3);
    if (no == 0) b.text("general.name", "whole");
    b.f32_tensor("t" + std::to_string(no), 1, static_cast<std::uint64_t>(no + 1));
    return b;
  }
  std::string write(int no, int count, const GgufBuilder& b) const {
    return folder_.write(name(no, count), b.build());
  }
  TempFolder folder_;
};

TEST_F(GgufSplits, OpensAllFilesByTheFirst) {
  for (int i = 0; i < 3; ++i) write(i, 3, part(i, 3));
  const auto r = GgufReader::open(folder_.file(name(0, 3)));
  EXPECT_EQ(r->tensors().size(), 3u);
  EXPECT_EQ(r->files().size(), 3u);
  EXPECT_EQ(r->get_string("general.name"), "whole");
  const auto t = r->find_tensor("t2");
  ASSERT_TRUE(t);
  EXPECT_EQ(r->tensors()[*t].file, 2u);
  float values[3];
  ASSERT_EQ(r->tensor_data(*t).size(), sizeof values);
  std::memcpy(values, r->tensor_data(*t).data(), sizeof values);
  EXPECT_EQ(values[2], 2.0f);
}

TEST_F(GgufSplits, RefusesWrongNumbers) {
  for (int i = 0; i < 3; ++i) write(i, 3, part(i, 3));
  const std::string first = folder_.file(name(0, 3));
  expect_refused(kInvalid, "name the first", [&] { GgufReader::open(folder_.file(name(1, 3))); });

  write(2, 3, part(1, 3));  // number
  expect_refused(kInvalid, "split.no or split.count differ", [&] { GgufReader::open(first); });
  write(2, 3, part(2, 4));  // count
  expect_refused(kInvalid, "split.no or split.count differ", [&] { GgufReader::open(first); });
  write(2, 3, GgufBuilder().f32_tensor("t2", 1, 1));  // neither
  expect_refused(kInvalid, "split.no or split.count differ", [&] { GgufReader::open(first); });
  write(2, 3, part(2, 3).f32_tensor("more", 1, 1));
  expect_refused(kInvalid, "the 3 files hold 4 tensors", [&] { GgufReader::open(first); });
  GgufBuilder twice;
  twice.u16("split.no", 2).u16("split.count", 3).f32_tensor("t0", 1, 1);
  write(2, 3, twice);
  expect_refused(kInvalid, "as well", [&] { GgufReader::open(first); });
  std::filesystem::remove(folder_.file(name(2, 3)));
  expect_refused(ErrorCode::kIo, "cannot open", [&] { GgufReader::open(first); });
}

TEST_F(GgufSplits, RefusesImpossibleCountsAndNames) {
  const std::string bad_name = folder_.write("m.gguf", part(0, 3).build());
  expect_refused(kInvalid, "its name must end in -00001-of-00003.gguf",
                 [&] { GgufReader::open(bad_name); });
  for (const std::uint32_t count : {100000u, 0xffffffffu}) {
    GgufBuilder b;
    b.u32("split.no", 0).u32("split.count", count);
    const std::string path = folder_.write("n.gguf", b.build());
    expect_refused(kInvalid, "split.count", [&] { GgufReader::open(path); });
  }
  GgufBuilder b;
  b.i32("split.count", -1);
  const std::string path = folder_.write("n.gguf", b.build());
  expect_refused(kInvalid, "split.count", [&] { GgufReader::open(path); });
  GgufBuilder text;
  text.text("split.count", "3");
  const std::string text_path = folder_.write("n.gguf", text.build());
  expect_refused(kInvalid, "split.count", [&] { GgufReader::open(text_path); });
}

// ---- the writer

TEST(GgufWriter, WritesWhatTheReaderReads) {
  TempFolder folder;
  const std::string path = folder.file("w.gguf");
  const std::vector<std::string> tokens = {"a", "", std::string("n\0l", 3), "\xff"};
  const std::vector<std::int32_t> types = {1, 2, 3, 6};
  const std::vector<float> scores = {0.0f, -1.5f};
  GgufMetadata m;
  m.set_string("general.architecture", "llama");
  m.set_strings("tokens", tokens);
  m.set_i32s("types", types);
  m.set_f32s("scores", scores);
  m.set_u32("u", 4000000000u);
  m.set_i32("i", -1);
  m.set_u64("l", 1ull << 40);
  m.set_f32("f", 1e-5f);
  m.set_bool("b", true);
  std::vector<TensorSpec> specs = {{"odd", DType::kF16, {3, 5}},
                                   {"blocks", DType::kQ4_K, {2, 512}},
                                   {"four", DType::kF32, {2, 1, 3, 4}},
                                   {"scalar", DType::kI64, {}}};
  std::vector<std::string> data;
  for (const auto& s : specs) {
    std::string bytes(tensor_bytes(s, "test"), '\0');
    std::iota(bytes.begin(), bytes.end(), static_cast<char>(data.size() * 50));
    data.push_back(bytes);
  }
  for (const std::uint64_t alignment : {8u, 32u, 4096u}) {
    OutputFile out(path, true);
    GgufWriter writer(out, m, specs, alignment);
    // In pieces that are no multiple of anything.
    for (const auto& bytes : data) {
      for (std::size_t at = 0; at < bytes.size(); at += 7) {
        writer.append(std::as_bytes(std::span(bytes))
                          .subspan(at, std::min<std::size_t>(7, bytes.size() - at)));
      }
    }
    writer.finish();
    out.commit();
    EXPECT_EQ(std::filesystem::file_size(path), writer.file_size());

    const auto r = GgufReader::open(path);
    EXPECT_EQ(r->version(), 3u);
    EXPECT_EQ(r->alignment(), alignment);
    EXPECT_EQ(r->metadata()[1].key, "tokens");
    EXPECT_EQ(*r->get_strings("tokens"),
              std::vector<std::string_view>(tokens.begin(), tokens.end()));
    EXPECT_EQ(r->get_ints("types")->at(3), 6);
    EXPECT_EQ(r->get_floats("scores"), scores);
    EXPECT_EQ(r->get_int("u"), 4000000000);
    EXPECT_EQ(r->get_int("i"), -1);
    EXPECT_EQ(r->get_int("l"), std::int64_t{1} << 40);
    EXPECT_EQ(r->get_double("f"), 1e-5f);
    EXPECT_EQ(r->get_bool("b"), true);
    ASSERT_EQ(r->tensors().size(), specs.size());
    for (std::size_t t = 0; t < specs.size(); ++t) {
      EXPECT_EQ(r->tensors()[t].name, specs[t].name);
      EXPECT_EQ(r->tensors()[t].dtype, specs[t].dtype);
      EXPECT_EQ(r->tensors()[t].offset % alignment, 0u);
      const auto bytes = r->tensor_data(t);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), data[t]);
    }
    EXPECT_EQ(r->tensors()[2].shape, specs[2].shape);
    EXPECT_EQ(r->tensors()[3].shape, std::vector<std::int64_t>{1});

    // Copied value by value, the header is the same to the byte.
    const std::string again = folder.file("again.gguf");
    GgufMetadata copy;
    for (const auto& entry : r->metadata()) {
      if (entry.key != "general.alignment") copy.copy(entry);
    }
    OutputFile second(again, true);
    GgufWriter rewriter(second, copy, specs, alignment);
    for (const auto& bytes : data) rewriter.append(std::as_bytes(std::span(bytes)));
    rewriter.finish();
    second.commit();
    EXPECT_EQ(TempFolder::read(again), TempFolder::read(path));
  }
}

TEST(GgufWriter, RefusesWhatTheFormatCannotHold) {
  TempFolder folder;
  const auto write = [&](TensorSpec spec) {
    OutputFile out(folder.file("x.gguf"), true);
    GgufWriter writer(out, GgufMetadata(), {std::move(spec)});
  };
  constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
  expect_refused(kUnsupported, "no type U8", [&] { write({"t", DType::kU8, {4}}); });
  expect_refused(kUnsupported, "5 dimensions", [&] { write({"t", DType::kF32, {1, 1, 1, 1, 1}}); });
  expect_refused(kUnsupported, "it is empty", [&] { write({"t", DType::kF32, {4, 0}}); });
  expect_refused(kUnsupported, "more than 63 bytes", [&] {
    write({std::string(64, 'n'), DType::kF32, {4}});
  });
  expect_refused(kInvalid, "no multiple", [&] { write({"t", DType::kQ8_0, {33}}); });
  expect_refused(kInvalid, "set twice", [] {
    GgufMetadata m;
    m.set_u32("a", 1);
    m.set_bool("a", true);
  });
}

TEST(GgufWriter, NoticesBytesThatDoNotAddUp) {
  TempFolder folder;
  OutputFile out(folder.file("x.gguf"), true);
  GgufWriter writer(out, GgufMetadata(), {{"t", DType::kF32, {2}}});
  const std::vector<std::byte> bytes(9);
  expect_refused(ErrorCode::kBug, "8 bytes, more", [&] { writer.append(bytes); });
  writer.append(std::span(bytes).first(4));
  expect_refused(ErrorCode::kBug, "8 bytes, 4 were written", [&] { writer.finish(); });
}

// Whatever is accepted must be usable: every value and every tensor is read.
void use(const GgufReader& r) {
  for (const auto& [key, value] : r.metadata()) {
    if (value.type == GgufType::kString) r.get_string(key);
    if (value.type != GgufType::kArray) continue;
    if (value.element == GgufType::kString) {
      const auto texts = r.get_strings(key);
      std::size_t bytes = 0;
      for (const auto text : texts.value()) bytes += std::string(text).size();
      EXPECT_LE(bytes, value.data.size());
    }
  }
  for (std::size_t t = 0; t < r.tensors().size(); ++t) {
    std::uint64_t elements = 1;
    for (const auto d : r.tensors()[t].shape) elements *= static_cast<std::uint64_t>(d);
    std::vector<float> out(elements);
    decode_to_f32(r.tensors()[t].dtype, r.tensor_data(t), out);
  }
}

TEST(GgufMutants, AreRefusedOrUsable) {
  TempFolder folder;
  GgufBuilder b;
  b.text("general.architecture", "llama").texts("tokens", {"a", "bc", "def"}).u32("n", 3);
  b.f32s("f", {1, 2, 3}).boolean("b", true).u64("u", 1);
  b.f32_tensor("x", 4, 8);
  b.tensor({"q", {32, 2}, 8, std::string(68, '\1'), {}, {}});
  b.tensor({"k", {256}, 14, std::string(210, '\2'), {}, {}});
  const std::string original = b.build();
  int accepted = 0;
  test::Mutator mutator(20240607);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = mutator.mutant(original, 420);
    try {
      parse_gguf(std::as_bytes(std::span(bytes)), "m.gguf");
      ++accepted;
      const auto r = GgufReader::open(folder.write("m.gguf", bytes));
      use(*r);
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::kBug) << e.what();
    }
  }
  // Edits of data and names are harmless; if nearly all passed, nothing would be checked.
  EXPECT_GT(accepted, 20);
  EXPECT_LT(accepted, 1000);
}

}  // namespace
}  // namespace lathe
