#include "io/folder_file.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::TempFolder;
namespace fs = std::filesystem;

const std::string kHash(40, 'a');

class FolderFileTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(path("model/sub"));
    folder_.write("secret", "secret");
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  // A link model/tokenizer.json (or another), where there is `content`.
  std::string link(const std::string& target, const std::string& name = "model/tokenizer.json") {
    fs::remove(path(name));
    fs::create_symlink(target, path(name));
    return path(name);
  }
  std::string blob(const std::string& folder, const std::string& name) {
    fs::create_directories(path(folder));
    return folder_.write(folder + "/" + name, "blob");
  }
  static std::size_t size_of(const MappedFile& file) { return file.bytes().size(); }

  TempFolder folder_;
};

TEST_F(FolderFileTest, AbsentIsOnlyWhatHasNoName) {
  EXPECT_FALSE(is_there(path("absent")));
  EXPECT_FALSE(is_there(path("absent/absent")));
  EXPECT_FALSE(is_there(path("secret/absent")));
  EXPECT_TRUE(is_there(path("secret")));
  expect_refused(ErrorCode::kInvalid, "\"nowhere\", and there is nothing",
                 [&] { is_there(link("nowhere")); });
  expect_refused(ErrorCode::kIo, "cannot look at it",
                 [&] { is_there(link("tokenizer.json")); });  // itself
  expect_refused(ErrorCode::kIo, "cannot look at it",
                 [&] { is_there(path(std::string(300, 'n'))); });
}

TEST_F(FolderFileTest, TextStaysInsideTheFolder) {
  folder_.write("model/other.json", "other");
  folder_.write("model/sub/deep.json", "deeper");
  EXPECT_EQ(size_of(*open_text_of_folder(path("model/other.json"))), 5u);
  EXPECT_EQ(size_of(*open_text_of_folder(link("other.json"))), 5u);
  EXPECT_EQ(size_of(*open_text_of_folder(link("sub/deep.json"))), 6u);
  EXPECT_EQ(size_of(*open_text_of_folder(link("../model/other.json"))), 5u);
  // The folder itself may be called by a link.
  fs::create_directory_symlink("model", path("alias"));
  EXPECT_EQ(size_of(*open_text_of_folder(path("alias/tokenizer.json"))), 5u);
  for (const std::string& target :
       {std::string("../secret"), path("secret"), std::string("/etc/passwd")}) {
    expect_refused(ErrorCode::kInvalid, "leads out of the model's folder",
                   [&] { open_text_of_folder(link(target)); });
  }
  // By way of a link that stays inside.
  link("../secret", "model/other.json");
  expect_refused(ErrorCode::kInvalid, "leads out of the model's folder",
                 [&] { open_text_of_folder(link("other.json")); });
  // A neighbour whose name begins alike is another folder.
  blob("model2", "x");
  expect_refused(ErrorCode::kInvalid, "leads out of the model's folder",
                 [&] { open_text_of_folder(link("../model2/x")); });
}

TEST_F(FolderFileTest, TextMayLieInTheHubsCache) {
  const std::string hub = "hub/models--a--b";
  blob(hub + "/blobs", kHash);
  fs::create_directories(path(hub + "/snapshots/rev/sub"));
  const std::string snapshot = hub + "/snapshots/rev/config.json";
  EXPECT_EQ(size_of(*open_text_of_folder(link("../../blobs/" + kHash, snapshot))), 4u);
  const std::string deeper = hub + "/snapshots/rev/sub/config.json";
  EXPECT_EQ(size_of(*open_text_of_folder(link("../../../blobs/" + kHash, deeper))), 4u);
  // A local folder of links into the cache.
  EXPECT_EQ(size_of(*open_text_of_folder(link("../hub/models--a--b/blobs/" + kHash))), 4u);
  // What only looks like it: a blob that is a link itself, a name that is no hash, no snapshot.
  const std::string key(40, 'b');
  link("../../../secret", hub + "/blobs/" + key);
  blob(hub + "/blobs", "id_rsa");
  blob("blobs", kHash);
  for (const std::string& target :
       {"../hub/models--a--b/blobs/" + key, std::string("../hub/models--a--b/blobs/id_rsa"),
        "../blobs/" + kHash}) {
    expect_refused(ErrorCode::kInvalid, "leads out of the model's folder",
                   [&] { open_text_of_folder(link(target)); });
  }
}

TEST_F(FolderFileTest, WeightsMayLieWhereTheFoldersOwnerSaysSo) {
  blob("cache/blobs", "0");
  EXPECT_EQ(size_of(*open_weights_of_folder(link("../cache/blobs/0", "model/w"))), 4u);
  EXPECT_EQ(size_of(*open_weights_of_folder(link("../secret", "model/w"))), 6u);
  expect_refused(ErrorCode::kInvalid, "there is nothing",
                 [&] { open_weights_of_folder(link("../nowhere", "model/w")); });
  if (::geteuid() != 0) return;  // only root can give a link away
  ASSERT_EQ(::lchown(link("../secret", "model/w").c_str(), 65534, 65534), 0);
  expect_refused(ErrorCode::kInvalid, "a link of user 65534",
                 [&] { open_weights_of_folder(path("model/w")); });
  ASSERT_EQ(::chown(path("model").c_str(), 65534, 65534), 0);
  EXPECT_EQ(size_of(*open_weights_of_folder(path("model/w"))), 6u);
}

TEST_F(FolderFileTest, PointersOfGitLfsAreNamedAsSuch) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') +
      "\nsize 4815162342\n";
  expect_refused(ErrorCode::kInvalid, "pointer of Git LFS",
                 [&] { MappedFile::open(folder_.write("model/w", pointer)); });
  MappedFile::open(folder_.write("model/w", pointer + std::string(4096, 'x')));
}

}  // namespace
}  // namespace lathe
