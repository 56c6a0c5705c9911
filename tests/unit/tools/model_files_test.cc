#include "serve/model_files.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/error.h"

#include "support/temp_folder.h"

namespace lathe::tool {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::size_t bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << std::string(bytes, 'x');
}

TEST(ModelFiles, AreNamedByWhatTheyAreCalled) {
  EXPECT_EQ(model_name("a/b.lathe"), "b");
  EXPECT_EQ(model_name("b.v1.gguf"), "b.v1");
  EXPECT_EQ(model_name("b.archive"), "b");
  EXPECT_EQ(model_name("models/llama/"), "llama");
  EXPECT_EQ(model_name("models/llama-3.2"), "llama-3.2");
  EXPECT_EQ(model_name("big-00001-of-00003.gguf"), "big");
  EXPECT_EQ(model_name("big-1-of-3.gguf"), "big-1-of-3");
}

TEST(ModelFiles, AreFilesAndFoldersOfAKnownForm) {
  const test::TempFolder folder;
  const fs::path at = folder.path();
  write(at / "b.lathe", 10);
  write(at / "a.gguf", 20);
  write(at / "notes.txt", 5);
  write(at / ".hidden.lathe", 5);
  write(at / "hf/config.json", 3);
  write(at / "hf/model.safetensors", 30);
  write(at / "other/readme", 3);
  write(at / "parts-00001-of-00002.gguf", 7);
  write(at / "parts-00002-of-00002.gguf", 6);
  write(at / "same.lathe", 1);
  write(at / "same.gguf", 2);
  std::vector<std::string> names;
  for (const ModelFile& one : model_files(at.string())) {
    names.push_back(one.name);
    if (one.name == "hf") {
      EXPECT_EQ(one.bytes, 33U);
    }
    if (one.name == "parts") {
      EXPECT_EQ(one.bytes, 14U);
    }
    EXPECT_GT(one.written, 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "hf", "parts", "same.gguf", "same.lathe"}));
  EXPECT_THROW(model_files((at / "absent").string()), Error);
}

}  // namespace
}  // namespace lathe::tool
