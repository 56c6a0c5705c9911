// Archives of models: what they hold comes back byte for byte, or is refused.
#include "lathe/archive.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>

#include "archive/archive.h"
#include "archive/model_files.h"
#include "support/mutate.h"
#include "support/paths.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::expect_refused;
using test::TempFolder;

std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const std::string& name : archive::model_files(folder).names) {
    out[name] = TempFolder::read(folder + "/" + name);
  }
  return out;
}

class Archives : public testing::Test {
 protected:
  Archives() { fs::copy(testdata("examples/village"), model_, fs::copy_options::recursive); }

  std::shared_ptr<const archive::Archive> open(const std::string& path) const {
    return archive::Archive::open(SafetensorsReader::open(path));
  }
  // The model with some of its weights changed a little.
  std::string tuned() const {
    fs::copy(model_, folder_.file("tuned"), fs::copy_options::recursive);
    std::string bytes = TempFolder::read(model_ + "/model.safetensors");
    for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 4000; i += 2) bytes[i] ^= 1;
    folder_.write("tuned/model.safetensors", bytes);
    return folder_.file("tuned");
  }

  TempFolder folder_;
  const std::string model_ = folder_.file("model");
  const std::string path_ = folder_.file("a.archive");
};

TEST_F(Archives, GiveBackAFolder) {
  fs::create_directories(model_ + "/additional_chat_templates");
  folder_.write("model/additional_chat_templates/tool.jinja", "{{ messages }}");
  folder_.write("model/empty", "");
  folder_.write("model/.hidden", "x");
  const ArchiveReport report = write_archive(model_, path_);
  EXPECT_EQ(report.files, 7u);
  EXPECT_EQ(report.archive_bytes, fs::file_size(path_));
  EXPECT_LT(report.archive_bytes, report.source_bytes * 7 / 10);
  EXPECT_TRUE(is_archive(path_));
  restore_archive(path_, folder_.file("back"));
  EXPECT_EQ(contents(folder_.file("back")), contents(model_));
  EXPECT_FALSE(fs::exists(folder_.file("back/.hidden")));
}

TEST_F(Archives, AreTheSameForEveryNumberOfThreads) {
  for (const int threads : {1, 2, 5}) {
    ArchiveOptions options;
    options.threads = threads;
    options.overwrite = true;
    write_archive(model_, folder_.file(std::to_string(threads)), options);
    EXPECT_EQ(TempFolder::read(folder_.file(std::to_string(threads))),
              TempFolder::read(folder_.file("1")));
  }
}

TEST_F(Archives, ReadAnyBytesAlone) {
  write_archive(model_, path_);
  const auto archive = open(path_);
  const auto& files = archive->layout().files;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const std::string whole = TempFolder::read(model_ + "/" + files[f].name);
    std::mt19937 random(7);
    for (int i = 0; i < 200; ++i) {
      const std::size_t at = random() % whole.size();
      std::string out(random() % (whole.size() - at) + 1, '\0');
      archive->read(f, at, std::as_writable_bytes(std::span(out)));
      ASSERT_EQ(out, whole.substr(at, out.size()));
    }
  }
}

TEST_F(Archives, OfFilesThatAreNoModelAreNotMade) {
  folder_.write("text", "no weights");
  expect_refused(ErrorCode::kInvalid, "holds no weights",
                 [&] { write_archive(folder_.file("text"), path_); });
  write_archive(model_, path_);
  expect_refused(ErrorCode::kUsage, "is an archive already",
                 [&] { write_archive(path_, folder_.file("b")); });
  expect_refused(ErrorCode::kIo, "exists", [&] { write_archive(model_, path_); });
  expect_refused(ErrorCode::kInvalid, "is no archive",
                 [&] { restore_archive(model_ + "/model.safetensors", folder_.file("b")); });
}

TEST_F(Archives, NameTheTensorThatIsDamaged) {
  write_archive(model_, path_);
  const auto archive = open(path_);
  const TensorEntry entry = archive->tensor(2, 3);
  std::string bytes = TempFolder::read(path_);
  bytes[entry.offset + entry.bytes / 3] ^= 4;
  folder_.write("b.archive", bytes);
  expect_refused(ErrorCode::kInvalid, entry.name,
                 [&] { restore_archive(folder_.file("b.archive"), folder_.file("back")); });
  EXPECT_FALSE(fs::exists(folder_.file("back")));
}

TEST_F(Archives, MutantsAreRefusedOrTheSame) {
  write_archive(model_, path_);
  const std::string original = TempFolder::read(path_);
  const auto right = contents(model_);
  test::Mutator mutator(11);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = mutator.mutant(original, i % 2 == 0 ? 6000 : original.size());
    folder_.write("m.archive", bytes);
    ArchiveOptions options;
    options.overwrite = true;
    try {
      restore_archive(folder_.file("m.archive"), folder_.file("back"), options);
      EXPECT_EQ(contents(folder_.file("back")), right) << i;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kInvalid || error.code() == ErrorCode::kUnsupported)
          << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 250);
}

TEST_F(Archives, HoldDifferencesToABase) {
  const std::string tuned = this->tuned();
  ArchiveOptions options;
  options.base = model_;
  const ArchiveReport report = write_archive(tuned, path_, options);
  EXPECT_EQ(report.differences, 20u);
  EXPECT_GT(report.equal, 10u);
  EXPECT_LT(report.equal, 20u);
  EXPECT_LT(report.archive_bytes, report.source_bytes / 4);
  restore_archive(path_, folder_.file("back"));
  EXPECT_EQ(contents(folder_.file("back")), contents(tuned));
}

TEST_F(Archives, MayBeTheBaseOfADifference) {
  const std::string tuned = this->tuned();
  write_archive(model_, folder_.file("base.archive"));
  ArchiveOptions options;
  options.base = folder_.file("base.archive");
  write_archive(tuned, path_, options);
  restore_archive(path_, folder_.file("back"));
  EXPECT_EQ(contents(folder_.file("back")), contents(tuned));
}

TEST_F(Archives, ReplaceNoFileThatTheyAreMadeOf) {
  const std::string tuned = this->tuned();
  const auto before = contents(model_);
  ArchiveOptions options;
  options.overwrite = true;
  const auto refused = [&](const auto& body) {
    expect_refused(ErrorCode::kUsage, "give the output another name", body);
    EXPECT_EQ(contents(model_), before);
  };
  refused([&] { write_archive(model_, model_ + "/model.safetensors", options); });
  options.base = model_;
  refused([&] { write_archive(tuned, model_ + "/model.safetensors", options); });
}

TEST_F(Archives, ReplaceNoBaseThatIsAnArchive) {
  const std::string base = folder_.file("base.archive");
  write_archive(model_ + "/model.safetensors", base);
  const std::string before = TempFolder::read(base);
  ArchiveOptions options;
  options.base = base;
  options.overwrite = true;
  const std::string tuned = this->tuned() + "/model.safetensors";
  expect_refused(ErrorCode::kUsage, "give the output another name",
                 [&] { write_archive(tuned, base, options); });
  write_archive(tuned, path_, options);
  expect_refused(ErrorCode::kUsage, "give the output another name",
                 [&] { restore_archive(path_, base, options); });
  EXPECT_EQ(TempFolder::read(base), before);
}

TEST_F(Archives, ReplaceNoBaseThatTheyAreTheDifferenceTo) {
  const std::string base = model_ + "/model.safetensors";
  ArchiveOptions options;
  options.base = base;
  write_archive(tuned() + "/model.safetensors", path_, options);
  const std::string before = TempFolder::read(base);
  options.overwrite = true;
  expect_refused(ErrorCode::kUsage, "give the output another name",
                 [&] { restore_archive(path_, base, options); });
  EXPECT_EQ(TempFolder::read(base), before);
}

TEST_F(Archives, WantTheirOwnBase) {
  ArchiveOptions options;
  options.base = model_;
  write_archive(tuned(), path_, options);
  const auto restore = [&] { restore_archive(path_, folder_.file("back")); };
  std::string bytes = TempFolder::read(model_ + "/model.safetensors");
  bytes.back() ^= 1;
  folder_.write("model/model.safetensors", bytes);
  expect_refused(ErrorCode::kInvalid, "their checksums differ", restore);
  folder_.write("model/model.safetensors", bytes + "x");
  expect_refused(ErrorCode::kInvalid, "is the difference to another model", restore);
  fs::rename(model_, folder_.file("elsewhere"));
  expect_refused(ErrorCode::kIo, "LATHE_BASE", restore);
}

TEST(ArchiveLayout, LeadsNowhereElse) {
  archive::Layout layout;
  layout.files.push_back({"x", 0, std::string(16, '0'), {}});
  for (const char* name : {"../x", "/x", "a/../x", "a//x", "a/", ".", "", "./x"}) {
    layout.files[0].name = name;
    expect_refused(ErrorCode::kInvalid, "is no name of a file in a folder",
                   [&] { archive::read_layout(layout_metadata(layout), "test"); });
  }
  layout.files[0].name = "a/b..c/.d";
  EXPECT_EQ(archive::read_layout(layout_metadata(layout), "test").files[0].name, "a/b..c/.d");
}

TEST(ArchiveLayout, AddsUp) {
  archive::Layout layout;
  archive::ArchivedFile file{"x", 12, std::string(16, '0'), {}};
  archive::Part part;
  part.elements = archive::Elements::kF32;
  part.bytes = 8;
  file.parts.push_back(part);
  layout.files.push_back(file);
  const auto refused = [&](const char* why) {
    expect_refused(ErrorCode::kInvalid, why,
                   [&] { archive::read_layout(layout_metadata(layout), "test"); });
  };
  refused("is not all of the file");
  layout.files[0].bytes = 7;
  refused("goes beyond the end");
  layout.files[0].bytes = layout.files[0].parts[0].bytes = 6;
  refused("are no whole elements");
  layout.files[0].bytes = layout.files[0].parts[0].bytes = 8;
  EXPECT_EQ(archive::read_layout(layout_metadata(layout), "test").files[0].parts.size(), 1u);
  layout.files[0].parts[0].base = archive::BasePlace{0, 0};
  refused("there is none");
  layout.base = archive::Base{"b", {{"b", 7, std::string(16, '0'), {}}}};
  refused("lies beyond the end of the base");
  layout.files.push_back(layout.files[0]);
  layout.base.reset();
  for (auto& one : layout.files) one.parts[0].base.reset();
  refused("is there twice");
}

}  // namespace
}  // namespace lathe
