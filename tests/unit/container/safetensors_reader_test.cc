// Opening safetensors files and shards; what the writer wrote; mutants.
#include "container/safetensors_reader.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>

#include "container/safetensors_index.h"
#include "container/safetensors_padding.h"
#include "container/safetensors_writer.h"
#include "support/mutate.h"
#include "support/refusal.h"
#include "support/temp_folder.h"
#include "tensor/dequantize.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::expect_refused;
using test::TempFolder;

constexpr ErrorCode kInvalid = ErrorCode::kInvalid;

std::string content(std::size_t seed, std::uint64_t bytes) {
  std::string out;
  for (std::uint64_t i = 0; i < bytes; ++i) out += static_cast<char>(seed * 31 + i * 7);
  return out;
}

void write_file(const std::string& path, const std::vector<TensorSpec>& specs,
                const std::map<std::string, std::string>& metadata = {},
                const SafetensorsOptions& options = {}) {
  OutputFile out(path, true);
  SafetensorsWriter writer(out, specs, metadata, options);
  for (std::size_t t = 0; t < specs.size(); ++t) {
    const std::string bytes = content(t, tensor_bytes(specs[t], "test"));
    for (std::size_t at = 0; at < bytes.size(); at += 13) {
      writer.append(std::as_bytes(std::span(bytes))
                        .subspan(at, std::min<std::size_t>(13, bytes.size() - at)));
    }
  }
  writer.finish();
  out.commit();
  EXPECT_EQ(fs::file_size(path), writer.file_size());
}

std::shared_ptr<const SafetensorsReader> open_index(const std::string& path) {
  const fs::path at(path);
  return SafetensorsReader::open_index(*files_of_folder(at.parent_path().native()),
                                       at.filename().native());
}

void expect_content(const SafetensorsReader& r, const std::vector<TensorSpec>& specs) {
  ASSERT_EQ(r.tensors().size(), specs.size());
  for (std::size_t s = 0; s < specs.size(); ++s) {
    const auto t = r.find_tensor(specs[s].name);
    ASSERT_TRUE(t) << specs[s].name;
    EXPECT_EQ(r.tensors()[*t].dtype, specs[s].dtype);
    EXPECT_EQ(r.tensors()[*t].shape, specs[s].shape);
    const auto bytes = r.tensor_data(*t);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
              content(s, bytes.size()));
  }
}

const std::vector<TensorSpec> kSpecs = {{"first", DType::kF32, {3, 5}},
                                        {"empty", DType::kBF16, {0, 7}},
                                        {"quote\" \\ \n é", DType::kU8, {13}},
                                        {"scalar", DType::kI64, {}},
                                        {"last", DType::kF16, {2, 1, 3}}};

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  TempFolder folder;
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"t\n", "é\"\\"}};
  write_file(folder.file("a"), kSpecs, metadata);
  const auto r = SafetensorsReader::open(folder.file("a"));
  expect_content(*r, kSpecs);
  EXPECT_EQ(r->metadata(), metadata);
  EXPECT_EQ(r->tensors()[0].offset % 8, 0u);
  write_file(folder.file("none"), {});
  EXPECT_TRUE(SafetensorsReader::open(folder.file("none"))->tensors().empty());
}

TEST(SafetensorsWriter, AlignsByPaddingTensorsThatReadersDoNotList) {
  TempFolder folder;
  write_file(folder.file("a"), kSpecs, {}, {4096, 64});
  const auto r = SafetensorsReader::open(folder.file("a"));
  expect_content(*r, kSpecs);
  EXPECT_EQ(r->tensors()[0].offset, 4096u);
  for (const auto& t : r->tensors()) EXPECT_EQ(t.offset % 64, 0u) << t.name;
  // To any reader of the format the file has no holes: the padding is there.
  const auto bytes = r->files()[0]->bytes();
  const auto h = parse_safetensors(bytes, "a");
  EXPECT_EQ(h.tensors.size(), kSpecs.size() + 3);
  for (const auto& t : h.tensors) {
    if (!is_padding_tensor(t)) continue;
    const auto pad = bytes.subspan(t.offset, t.bytes);
    EXPECT_TRUE(std::ranges::all_of(pad, [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST(SafetensorsWriter, PaddingIsRecognisedByMoreThanItsName) {
  EXPECT_TRUE(is_padding_tensor({"__pad.0__", DType::kU8, {63}}));
  EXPECT_FALSE(is_padding_tensor({"__pad.0__", DType::kU8, {64}}));
  EXPECT_FALSE(is_padding_tensor({"__pad.0__", DType::kF32, {4}}));
  EXPECT_FALSE(is_padding_tensor({"__pad.__", DType::kU8, {4}}));
  EXPECT_FALSE(is_padding_tensor({"__pad.x__", DType::kU8, {4}}));
  EXPECT_FALSE(is_padding_tensor({"pad", DType::kU8, {4}}));
}

TEST(SafetensorsWriter, RewritesMetadataAtTheEnd) {
  TempFolder folder;
  {
    OutputFile out(folder.file("a"), true);
    SafetensorsWriter writer(out, std::vector<TensorSpec>{{"t", DType::kU8, {5}}},
                             {{"sum", "0000"}});
    writer.append(std::as_bytes(std::span("abcde", 5)));
    writer.finish({{"sum", "beef"}});
    out.commit();
  }
  const auto r = SafetensorsReader::open(folder.file("a"));
  EXPECT_EQ(r->metadata().at("sum"), "beef");
  EXPECT_EQ(std::to_integer<char>(r->tensor_data(0)[4]), 'e');
  OutputFile out(folder.file("b"), true);
  SafetensorsWriter writer(out, {}, {{"sum", "0"}});
  expect_refused(ErrorCode::kBug, "more than the", [&] {
    writer.finish({{"sum", std::string(100, 'x')}});
  });
}

TEST(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  TempFolder folder;
  const auto write = [&](std::vector<TensorSpec> specs,
                         const std::map<std::string, std::string>& metadata = {}) {
    OutputFile out(folder.file("x"), true);
    SafetensorsWriter writer(out, specs, metadata);
  };
  expect_refused(ErrorCode::kUnsupported, "no type Q8_0", [&] {
    write({{"t", DType::kQ8_0, {32}}});
  });
  expect_refused(kInvalid, "twice", [&] {
    write({{"t", DType::kU8, {1}}, {"t", DType::kU8, {1}}});
  });
  expect_refused(kInvalid, "twice", [&] { write({{"__metadata__", DType::kU8, {1}}}); });
  expect_refused(kInvalid, "reserved", [&] { write({{"__pad.3__", DType::kU8, {1}}}); });
  expect_refused(kInvalid, "not valid UTF-8", [&] { write({}, {{"k", "\xff"}}); });
  expect_refused(ErrorCode::kLimit, "more than the format's", [&] {
    write({}, {{"k", std::string(100'000'000, 'x')}});
  });
}

// ---- shards

class Shards : public ::testing::Test {
 protected:
  Shards() {
    write_file(folder_.file("a.safetensors"), {{"x", DType::kF32, {2}}, {"y", DType::kF32, {1}}});
    write_file(folder_.file("b.safetensors"), {{"z", DType::kU8, {3}}});
  }
  std::string index(std::string_view map) const {
    return folder_.write("model.safetensors.index.json",
                         R"({"metadata":{"total_size":15},"weight_map":)" + std::string(map) + "}");
  }
  void refused(std::string_view part, std::string_view map) const {
    const std::string path = index(map);
    expect_refused(kInvalid, part, [&] { open_index(path); });
  }
  static constexpr std::string_view kMap =
      R"({"x":"a.safetensors","y":"a.safetensors","z":"b.safetensors"})";
  TempFolder folder_;
};

TEST_F(Shards, OpensAllOfThem) {
  const auto r = open_index(index(kMap));
  EXPECT_EQ(r->tensors().size(), 3u);
  EXPECT_EQ(r->tensors()[*r->find_tensor("z")].file, 1u);
  EXPECT_EQ(r->tensor_data(*r->find_tensor("z")).size(), 3u);
}

TEST_F(Shards, OpensFromTheCurrentFolder) {
  const std::string path = index(kMap);
  const auto before = fs::current_path();
  fs::current_path(folder_.path());
  const auto r = open_index("model.safetensors.index.json");
  fs::current_path(before);
  EXPECT_EQ(r->tensors().size(), 3u);
}

TEST_F(Shards, RefusesNamesThatLeaveTheFolder) {
  for (const char* name :
       {"../a.safetensors", "..", ".", "/etc/passwd", "sub/a.safetensors", "a\\\\b", ""}) {
    refused("shard name", "{\"x\":\"" + std::string(name) + "\"}");
  }
  refused("contains a NUL", R"({"x":"a\u0000"})");
}

TEST_F(Shards, MayBeLinksButNotToNothing) {
  TempFolder elsewhere;
  write_file(elsewhere.file("c.safetensors"), {{"z", DType::kU8, {3}}});
  fs::create_symlink(elsewhere.file("c.safetensors"), folder_.file("c.safetensors"));
  const auto map = [](const std::string& z) {
    return R"({"x":"a.safetensors","y":"a.safetensors","z":")" + z + "\"}";
  };
  EXPECT_NO_THROW(open_index(index(map("c.safetensors"))));
  fs::create_symlink("nowhere", folder_.file("d.safetensors"));
  refused("there is nothing", map("d.safetensors"));
  refused("is missing", map("absent.safetensors"));
}

// Hugging Face's cache: snapshots/<id>/ holds links into blobs/, the index included.
TEST_F(Shards, AllowsACacheWhoseIndexIsALinkToo) {
  const std::string snapshot = folder_.file("snapshots/rev/");
  fs::create_directories(snapshot);
  fs::create_directory(folder_.file("blobs"));
  index(kMap);
  for (const char* name : {"model.safetensors.index.json", "a.safetensors", "b.safetensors"}) {
    fs::rename(folder_.file(name), folder_.file(std::string("blobs/") + name));
    fs::create_symlink(std::string("../../blobs/") + name, snapshot + name);
  }
  const auto r = open_index(snapshot + "model.safetensors.index.json");
  EXPECT_EQ(r->tensors().size(), 3u);
}

TEST_F(Shards, RefusesMissingShardsAndTensors) {
  refused("c.safetensors\" is missing", R"({"x":"c.safetensors"})");
  refused("but is in none", R"({"x":"a.safetensors","y":"a.safetensors","w":"a.safetensors"})");
  refused("but is in", R"({"x":"b.safetensors","y":"a.safetensors","z":"b.safetensors"})");
  refused("which the index does not name", R"({"x":"a.safetensors"})");
  write_file(folder_.file("b.safetensors"), {{"z", DType::kU8, {3}}, {"x", DType::kU8, {3}}});
  refused("the tensor \"x\" is in", kMap);
}

TEST_F(Shards, RefusesMalformedIndexes) {
  const auto parse = [](std::string_view text, std::string_view part) {
    expect_refused(kInvalid, part, [&] { parse_safetensors_index(text, "i.json"); });
  };
  parse("", "is not valid JSON");
  parse("[]", "holds an array");
  parse("{}", "no $.weight_map");
  parse(R"({"weight_map":{}})", "is empty");
  parse(R"({"weight_map":[]})", "holds an array");
  parse(R"({"weight_map":"x"})", "holds a string");
  parse(R"({"weight_map":{"x":1}})", "holds a number");
  parse(R"({"weight_map":{"x":null}})", "holds null");
  parse(R"({"weight_map":{"x":{}}})", "holds an object");
  parse(R"({"weight_map":{"x":"a","x":"a"}})", "twice");
  parse(R"({"weight_map":{"x":"a"},"weight_map":{"y":"a"}})", "twice");
  parse(R"({"weight_map":{"":"a"}})", "is empty");
  parse("{\"weight_map\":" + std::string(100'000, '['), "");
  EXPECT_NO_THROW(parse_safetensors_index(
      R"({"other":[{"weight_map":{"n":1}}],"metadata":{"weight_map":{"x":5}},"weight_map":{"x":"a"}})",
      "i.json"));
}

// ---- mutants

TEST(SafetensorsMutants, AreRefusedOrUsable) {
  TempFolder folder;
  write_file(folder.file("m"), kSpecs, {{"format", "pt"}});
  const std::string original = TempFolder::read(folder.file("m"));
  test::Mutator mutator(99);
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = mutator.mutant(original, original.size() - 80);
    try {
      parse_safetensors(std::as_bytes(std::span(bytes)), "m");
      const auto r = SafetensorsReader::open(folder.write("m", bytes));
      for (std::size_t t = 0; t < r->tensors().size(); ++t) {
        std::uint64_t elements = 1;
        for (const auto d : r->tensors()[t].shape) elements *= static_cast<std::uint64_t>(d);
        std::vector<float> out(elements);
        decode_to_f32(r->tensors()[t].dtype, r->tensor_data(t), out);
      }
      ++accepted;
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::kBug) << e.what();
    }
  }
  EXPECT_GT(accepted, 20);
  EXPECT_LT(accepted, 1000);
}

TEST(SafetensorsIndexMutants, AreRefusedOrPlain) {
  const std::string original =
      R"({"metadata":{"total_size":15},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})";
  test::Mutator mutator(5);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = mutator.mutant(original, original.size());
    try {
      const auto index = parse_safetensors_index(text, "i");
      for (const auto& shard : index.shards) EXPECT_EQ(shard.find('/'), std::string::npos);
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::kBug) << e.what();
    }
  }
}

}  // namespace
}  // namespace lathe
