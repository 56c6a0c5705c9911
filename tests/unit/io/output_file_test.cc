#include "lathe/host/output_file.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "lathe/host/temporary_folder.h"

#include "support/refusal.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::error_of;

class OutputFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/lathe-output-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string folder_;
};

TEST_F(OutputFileTest, AppearsOnlyWhenCommitted) {
  const std::string name = path("out");
  {
    OutputFile file(name, false);
    file.write("hello ");
    EXPECT_FALSE(fs::exists(name));
    file.write("world");
    file.write_at(0, std::as_bytes(std::span("J", 1)));
    file.commit();
  }
  EXPECT_EQ(content(name), "Jello world");
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, KeepsTheOldFileWithoutCommit) {
  const std::string name = path("out");
  std::ofstream(name) << "old";
  { OutputFile(name, true).write("new"); }
  EXPECT_EQ(content(name), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, RefusesToReplaceUnlessTold) {
  const std::string name = path("out");
  std::ofstream(name) << "old";
  EXPECT_EQ(error_of([&] { OutputFile(name, false); }), ErrorCode::kIo);
  EXPECT_EQ(content(name), "old");
}

TEST_F(OutputFileTest, RefusesAFileThatAppearedMeanwhile) {
  const std::string name = path("out");
  OutputFile file(name, false);
  file.write("mine");
  std::ofstream(name) << "theirs";
  EXPECT_EQ(error_of([&] { file.commit(); }), ErrorCode::kIo);
  EXPECT_EQ(content(name), "theirs");
}

TEST_F(OutputFileTest, KeepsTheModeOfTheFileItReplaces) {
  const std::string name = path("out");
  std::ofstream(name) << "old";
  ::chmod(name.c_str(), 0640);
  OutputFile file(name, true);
  file.write("new");
  file.commit();
  struct stat s {};
  ASSERT_EQ(::stat(name.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777u, 0640u);
}

TEST_F(OutputFileTest, ReplacesWhatALinkLeadsTo) {
  fs::create_directory(path("far"));
  std::ofstream(path("far/target")) << "old";
  fs::create_symlink("far/target", path("link"));
  OutputFile out(path("link"), true);
  out.write("new");
  out.commit();
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(content(path("far/target")), "new");
  fs::remove(path("far/target"));
  OutputFile dangling(path("link"), true);
  dangling.write("new");
  dangling.commit();
  EXPECT_EQ(content(path("link")), "new");
}

TEST_F(OutputFileTest, TakesNoRightsFromTheFileItReplacesThatTheUmaskDenies) {
  const mode_t mask = ::umask(0027);
  const std::string name = path("out");
  std::ofstream(name) << "old";
  ::chmod(name.c_str(), 06766);
  OutputFile file(name, true);
  file.write("new");
  file.commit();
  struct stat s {};
  ASSERT_EQ(::stat(name.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 07777u, 0740u);
  ::umask(mask);
}

TEST_F(OutputFileTest, APartialFileThatIsALinkOrHasASecondNameIsNotTaken) {
  for (const bool resume : {false, true}) {
    const OutputOptions options{.partial = true, .resume = resume};
    std::ofstream(path("victim")) << "precious";
    for (const char* target : {"victim", "nowhere"}) {
      fs::create_symlink(target, path("out.partial"));
      test::expect_refused(ErrorCode::kIo, "is a link", [&] { OutputFile(path("out"), options); });
      fs::remove(path("out.partial"));
    }
    fs::create_hard_link(path("victim"), path("out.partial"));
    test::expect_refused(ErrorCode::kIo, "second name", [&] { OutputFile(path("out"), options); });
    EXPECT_EQ(content(path("victim")), "precious");
    EXPECT_EQ(files(), 2u);
    fs::remove(path("out.partial"));
  }
}

TEST_F(OutputFileTest, ReportsAFullDevice) {
  OutputFile file("/dev/full", false);
  file.write("x");
  EXPECT_EQ(error_of([&] { file.commit(); }), ErrorCode::kIo);
}

TEST_F(OutputFileTest, TheSignalHandlersCleanerRemovesTheTemporary) {
  OutputFile file(path("out"), false);
  EXPECT_EQ(files(), 1u);
  remove_temporary_outputs();
  EXPECT_EQ(files(), 0u);
}

TEST_F(OutputFileTest, TheSignalHandlersCleanerKnowsAnyNumberOfTemporaries) {
  std::vector<std::unique_ptr<OutputFile>> open;
  for (int i = 0; i < 200; ++i) {
    open.push_back(std::make_unique<OutputFile>(path("out" + std::to_string(i)), false));
  }
  EXPECT_EQ(files(), 200u);
  remove_temporary_outputs();
  EXPECT_EQ(files(), 0u);
}

TEST_F(OutputFileTest, ATemporaryFolderGoesWithItsObjectAndOnASignal) {
  ::setenv("TMPDIR", folder_.c_str(), 1);
  {
    const TemporaryFolder folder("test");
    std::ofstream(folder.file("a")) << "content";
    struct stat s {};
    ASSERT_EQ(::stat(folder.path().c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 07777u, 0700u);
  }
  EXPECT_EQ(files(), 0u);
  const TemporaryFolder folder("test");
  std::ofstream(folder.file("a")) << "content";
  remove_temporary_outputs();
  EXPECT_EQ(files(), 0u);
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace lathe
