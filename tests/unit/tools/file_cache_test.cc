#include "bench/file_cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "lathe/error.h"

namespace lathe::tool {
namespace {

class FileCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "lathe-file-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, std::size_t bytes = 10) {
    std::ofstream(folder_ / name, std::ios::binary) << std::string(bytes, 'x');
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

TEST_F(FileCacheTest, TellsWhatIsThere) {
  const std::string path = file("m.lathe", std::size_t{4} << 20);
  EXPECT_DOUBLE_EQ(cached_share({path}), 1.0);  // just written
  drop_from_cache({path});
  const double left = cached_share({path});
  // A file system in memory has nowhere to drop pages to; a disk has.
  EXPECT_TRUE(left < 0.1 || left == 1.0) << left;
  EXPECT_DOUBLE_EQ(cached_share({file("empty", 0)}), 1.0);
  EXPECT_THROW(cached_share({"absent"}), Error);
  EXPECT_THROW(drop_from_cache({"absent"}), Error);
}

TEST_F(FileCacheTest, FindsAllFilesOfAModel) {
  const std::string one = file("m.lathe");
  EXPECT_EQ(model_files(one), std::vector<std::string>{one});
  const std::string first = file("m-00001-of-00002.gguf");
  const std::string second = file("m-00002-of-00002.gguf");
  file("other-00001-of-00002.gguf");
  EXPECT_EQ(model_files(first), (std::vector<std::string>{first, second}));
  EXPECT_EQ(model_files(folder_).size(), 4U);
  EXPECT_EQ(model_files("absent"), std::vector<std::string>{"absent"});
}

}  // namespace
}  // namespace lathe::tool
