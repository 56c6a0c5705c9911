#include "lathe/host/records.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "lathe/host/output_file.h"

#include "io/zstd_stream.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::TempFolder;
namespace fs = std::filesystem;

constexpr std::uint64_t kRun = 0x1234;

RecordFingerprint fingerprint(std::uint64_t index, std::uint64_t run = kRun) {
  return {run, index * 77 + 5};
}

std::string record(std::uint64_t index) {
  return fmt::format(R"({{"index":{},"text":"answer \"{}\"","more":{{"index":9,"list":[[],{{}}]}},)"
                     R"("fingerprint":"{}"}})",
                     index, index * index, fingerprint(index).text());
}

std::string records(std::uint64_t count) {
  std::string out;
  for (std::uint64_t i = 0; i < count; ++i) out += record(i) + "\n";
  return out;
}

class RecordsTest : public testing::Test {
 protected:
  // Runs over `count` items as a tool does; ends without finish() after `until` new records.
  std::uint64_t run(RecordLogOptions options, std::uint64_t count = 10,
                    std::uint64_t until = 1000) {
    RecordLog log(path_, options);
    std::uint64_t added = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (log.has(i, fingerprint(i))) continue;
      if (added == until) return added;
      log.add(i, record(i));
      ++added;
    }
    log.finish(count);
    return added;
  }
  std::string content() const { return TempFolder::read(path_); }
  std::string partial() const { return TempFolder::read(path_ + ".partial"); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      out.push_back(entry.path().filename());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string unzstd() const {
    const std::string bytes = content();
    ZstdReader reader(read_from_memory(std::as_bytes(std::span(bytes))), path_, 1 << 20);
    std::string out(1 << 20, ' ');
    std::size_t size = 0;
    while (const std::size_t n =
               reader.read(std::as_writable_bytes(std::span(out)).subspan(size))) {
      size += n;
    }
    return out.substr(0, size);
  }

  TempFolder folder_;
  std::string path_ = folder_.file("out.jsonl");
};

TEST_F(RecordsTest, WithoutARecordNothingIsLeftWhateverEndsTheRun) {
  const std::vector<std::string> nothing, unfinished = {"out.jsonl.partial"};
  EXPECT_EQ(run({}, 10, 0), 0u);
  EXPECT_EQ(names(), nothing);
  {
    RecordLog log(path_, {});
    EXPECT_EQ(names(), unfinished);
    remove_temporary_outputs();  // a signal
    EXPECT_EQ(names(), nothing);
  }
  {
    RecordLog log(path_, {});
    log.add(0, record(0));
    remove_temporary_outputs();
  }
  EXPECT_EQ(names(), unfinished);
  EXPECT_EQ(partial(), records(1));
  // What was continued, and nothing added, is not empty.
  EXPECT_EQ(run({.resume = true}, 10, 0), 0u);
  {
    RecordLog log(path_, {.resume = true});
    remove_temporary_outputs();
  }
  EXPECT_EQ(partial(), records(1));
  EXPECT_EQ(run({.resume = true}), 9u);
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, AFinishedRunHasItsNameAndNothingElseIsLeft) {
  run({});
  EXPECT_EQ(content(), records(10));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(about.st_mode & 0777u, 0666u & ~mask);
}

TEST_F(RecordsTest, RecordsAreOnDiskAsTheyComeAndInOrderAtTheEnd) {
  RecordLog log(path_, {});
  for (const std::uint64_t i : {2u, 1u, 4u}) log.add(i, record(i));
  EXPECT_EQ(partial(), record(2) + "\n" + record(1) + "\n" + record(4) + "\n");
  EXPECT_EQ(log.held(), 0u);
  EXPECT_EQ(log.written(), 3u);
  EXPECT_EQ(log.unfinished_file(), path_ + ".partial");
  log.add(0, record(0));
  log.add(3, record(3));
  log.finish(5);
  EXPECT_EQ(content(), records(5));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, AnInterruptedRunKeepsWhatIsFinishedAndAsksOnlyForTheRest) {
  {
    RecordLog log(path_, {});
    for (const std::uint64_t i : {9u, 5u, 1u, 7u}) log.add(i, record(i));
  }
  EXPECT_EQ(run({.resume = true}), 6u);
  EXPECT_EQ(content(), records(10));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, WhoeverWasKilledBetweenTheLastTwoStepsEndsTheSameWay) {
  folder_.write("out.jsonl", records(4));
  folder_.write("out.jsonl.partial",
                record(3) + "\n" + record(0) + "\n" + record(2) + "\n" + record(1) + "\n");
  EXPECT_EQ(run({.resume = true}, 4), 0u);
  EXPECT_EQ(content(), records(4));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, TwoRecordsOfOneIndexAreABug) {
  RecordLog log(path_, {});
  for (const std::uint64_t i : {0u, 2u, 2u}) log.add(i, record(i));
  expect_refused(ErrorCode::kBug, "index 2 came twice", [&] { log.finish(3); });
}

TEST_F(RecordsTest, UnorderedRecordsStayAsTheyCameUnlessAnOrderedRunContinuesThem) {
  RecordLogOptions options;
  options.ordered = false;
  const auto begin = [&] {
    RecordLog log(path_, options);
    for (const std::uint64_t i : {7u, 0u, 3u}) log.add(i, record(i));
  };
  const std::string begun = record(7) + "\n" + record(0) + "\n" + record(3) + "\n";
  begin();
  EXPECT_EQ(partial(), begun);
  EXPECT_EQ(run({.resume = true, .ordered = false}), 7u);
  EXPECT_TRUE(content().starts_with(begun));
  EXPECT_EQ(content().size(), records(10).size());
  EXPECT_EQ(run({.resume = true}), 0u);
  EXPECT_EQ(content(), records(10));
}

// Who may write into the folder can have foretold the names of what is unfinished.
class HostilePartialTest : public RecordsTest {
 protected:
  void SetUp() override { ::chmod(folder_.write("victim", kPrecious).c_str(), 0640); }

  // Both names, in all three ways to begin.
  void expect_untouched(const std::string& what, const std::function<void(std::string)>& plant) {
    for (const std::string name : {".partial", ".partial.new"}) {
      for (const RecordLogOptions& options :
           {RecordLogOptions{}, RecordLogOptions{.overwrite = true},
            RecordLogOptions{.resume = true}}) {
        if (name == ".partial.new" && !options.resume) continue;
        if (name == ".partial.new") folder_.write("out.jsonl", records(4));
        plant(path_ + name);
        expect_refused(ErrorCode::kIo, what, [&] { run(options); });
        EXPECT_EQ(TempFolder::read(folder_.file("victim")), kPrecious);
        struct stat about {};
        ASSERT_EQ(::stat(folder_.file("victim").c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 07777u, 0640u);
        fs::remove_all(path_ + name);
        fs::remove(path_);
      }
    }
  }

  static constexpr const char* kPrecious = "precious\n";
};

TEST_F(HostilePartialTest, ALinkIsNotFollowed) {
  expect_untouched("is a link",
                   [&](const std::string& name) { fs::create_symlink("victim", name); });
  expect_untouched("is a link",
                   [&](const std::string& name) { fs::create_symlink("nowhere", name); });
  EXPECT_FALSE(fs::exists(folder_.file("nowhere")));
}

TEST_F(HostilePartialTest, ASecondNameOfAFileIsNotTaken) {
  expect_untouched("second name", [&](const std::string& name) {
    fs::create_hard_link(folder_.file("victim"), name);
  });
}

TEST_F(HostilePartialTest, WhatIsNoRegularFileIsNotTaken) {
  expect_untouched("a pipe", [&](const std::string& name) { ::mkfifo(name.c_str(), 0666); });
  expect_untouched("folder", [&](const std::string& name) { fs::create_directory(name); });
}

TEST_F(HostilePartialTest, AnotherUsersFileIsNotTaken) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make somebody else's file";
  expect_untouched("another user's", [&](const std::string& name) {
    std::ofstream(name) << record(0) << "\n";
    ASSERT_EQ(::chown(name.c_str(), 65534, 65534), 0);
  });
}

TEST_F(RecordsTest, ModesAreNoWiderThanTheUmaskAllows) {
  const mode_t mask = ::umask(0027);
  folder_.write("out.jsonl", "old");
  ::chmod(path_.c_str(), 06777);
  folder_.write("out.jsonl.partial", "");
  ::chmod((path_ + ".partial").c_str(), 0666);
  {
    RecordLog log(path_, {.overwrite = true});
    struct stat about {};
    ASSERT_EQ(::stat((path_ + ".partial").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777u, 0600u);
    log.finish(0);
  }
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777u, 0750u);
  ::umask(mask);
}

TEST_F(RecordsTest, ARunMayEndAtAnyByteAndIsResumedToTheSameBytes) {
  const std::string whole = records(10);
  for (std::size_t cut = 0; cut <= whole.size(); cut += 7) {
    folder_.write("out.jsonl.partial", whole.substr(0, cut));
    RecordLogOptions options;
    options.resume = true;
    const auto kept = static_cast<std::uint64_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut), '\n'));
    ASSERT_EQ(run(options), 10 - kept) << cut;
    ASSERT_EQ(content(), whole) << cut;
    ASSERT_EQ(names(), std::vector<std::string>{"out.jsonl"});
    fs::remove(path_);
  }
}

TEST_F(RecordsTest, AFileThatWasCutIsContinuedAsWell) {
  folder_.write("out.jsonl", records(4) + "{\"index\":4,\"te");
  RecordLogOptions options;
  options.resume = true;
  EXPECT_EQ(run(options, 10, 2), 2u);  // ended early: FILE is what it was
  EXPECT_EQ(content(), records(4) + "{\"index\":4,\"te");
  EXPECT_EQ(partial(), records(6));
  EXPECT_EQ(run(options), 4u);
  EXPECT_EQ(content(), records(10));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, WhoeverWasKilledWhileTakingOverIsCleanedUpAfter) {
  folder_.write("out.jsonl", records(4));
  folder_.write("out.jsonl.partial.new", records(9) + "left");
  EXPECT_EQ(run({.resume = true}), 6u);
  EXPECT_EQ(content(), records(10));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, AFinishedFileIsLeftAloneOrGrowsWithItsInput) {
  run({});
  const auto time = fs::last_write_time(path_);
  const RecordLogOptions options{.resume = true};
  EXPECT_EQ(run(options), 0u);
  EXPECT_EQ(fs::last_write_time(path_), time);
  EXPECT_EQ(run(options, 12), 2u);
  EXPECT_EQ(content(), records(12));
  expect_refused(ErrorCode::kInvalid, "the input has 11 items", [&] { run(options, 11); });
  EXPECT_EQ(content(), records(12));
  // Who adds nothing leaves nothing beside it.
  EXPECT_EQ(run(options, 14, 0), 0u);
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl"});
}

TEST_F(RecordsTest, ExistingFilesAreNotReplacedUnasked) {
  folder_.write("out.jsonl", "precious");
  expect_refused(ErrorCode::kIo, "the file exists", [&] { run({}); });
  EXPECT_EQ(content(), "precious");
  run({.overwrite = true});
  EXPECT_EQ(content(), records(10));

  fs::remove(path_);
  folder_.write("out.jsonl.partial", records(3));
  expect_refused(ErrorCode::kIo, "--resume", [&] { run({}); });
  EXPECT_EQ(partial(), records(3));
  EXPECT_EQ(run({.overwrite = true}), 10u);
}

TEST_F(RecordsTest, AnUnrelatedFileBesideAnUnfinishedRunStays) {
  folder_.write("out.jsonl", "something else\n");
  folder_.write("out.jsonl.partial", records(3));
  expect_refused(ErrorCode::kIo, "none of its continuation", [&] { run({.resume = true}); });
  EXPECT_EQ(run({.overwrite = true, .resume = true}), 7u);
  EXPECT_EQ(content(), records(10));
}

TEST_F(RecordsTest, AnotherRunIsNotMixedIn) {
  const RecordLogOptions options{.resume = true};
  run(options, 10, 5);
  RecordLog log(path_, options);
  EXPECT_TRUE(log.has(4, fingerprint(4)));
  EXPECT_FALSE(log.has(5, fingerprint(5)));
  expect_refused(ErrorCode::kInvalid, "another model or other options",
                 [&] { log.has(2, fingerprint(2, kRun + 1)); });
  expect_refused(ErrorCode::kInvalid, "another input", [&] { log.has(2, fingerprint(3)); });
}

TEST_F(RecordsTest, WhatIsNoRecordIsRefusedUnlessItIsTheLastLine) {
  const RecordLogOptions options{.resume = true};
  const std::string good = records(2);
  for (const std::string bad :
       {"", "{}", "[]", "null", "{\"index\":2}", "{\"index\":-1,\"fingerprint\":\"x\"}", "\x1b[31m",
        "{\"index\":2,\"fingerprint\":\"0000000000001234_0000000000001234\"}"}) {
    folder_.write("out.jsonl.partial", good + bad + "\n" + record(3) + "\n");
    expect_refused(ErrorCode::kInvalid, "line 3", [&] { run(options); });
    folder_.write("out.jsonl.partial", good + bad + "\n");
    EXPECT_EQ(run(options), 8u);
    fs::remove(path_);
  }
  folder_.write("out.jsonl.partial", good + std::string(4096, '\0'));
  EXPECT_EQ(run(options), 8u);
  fs::remove(path_);
  folder_.write("out.jsonl.partial", good + record(1) + "\n" + record(2) + "\n");
  expect_refused(ErrorCode::kInvalid, "index 1", [&] { run(options); });
}

TEST_F(RecordsTest, EarlierRecordsAreShown) {
  run({.resume = true}, 10, 4);
  std::vector<std::string> seen;
  RecordLog log(path_, {.resume = true}, [&](std::uint64_t index, std::string_view text) {
    EXPECT_EQ(index, seen.size());
    seen.emplace_back(text);
  });
  EXPECT_EQ(log.earlier(), 4u);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[3], record(3));
}

TEST_F(RecordsTest, ASecondWriterIsRefused) {
  RecordLog first(path_, {});
  first.add(0, record(0));
  for (const RecordLogOptions& options :
       {RecordLogOptions{.overwrite = true}, RecordLogOptions{.resume = true}}) {
    expect_refused(ErrorCode::kIo, "another process", [&] { RecordLog second(path_, options); });
  }
  first.add(1, record(1));
  first.finish(2);
  EXPECT_EQ(content(), records(2));
}

TEST_F(RecordsTest, CompressedAtTheEnd) {
  path_ += ".zst";
  const RecordLogOptions options{.resume = true};
  run(options, 10, 5);
  EXPECT_EQ(partial(), records(5));
  EXPECT_EQ(run(options), 5u);
  EXPECT_EQ(unzstd(), records(10));
  EXPECT_EQ(names(), std::vector<std::string>{"out.jsonl.zst"});
  const std::string bytes = content();
  EXPECT_EQ(run(options), 0u);
  EXPECT_EQ(content(), bytes);
  EXPECT_EQ(run(options, 11), 1u);
  EXPECT_EQ(unzstd(), records(11));
}

TEST_F(RecordsTest, ASinkGetsWholeLines) {
  std::vector<std::string> lines;
  RecordLog log([&](std::string_view line) { lines.emplace_back(line); });
  log.add(1, record(1));
  EXPECT_TRUE(lines.empty());
  log.add(0, record(0));
  EXPECT_EQ(lines, (std::vector<std::string>{record(0) + "\n", record(1) + "\n"}));
  expect_refused(ErrorCode::kBug, "twice", [&] { log.add(1, record(1)); });
  expect_refused(ErrorCode::kBug, "3 items gave 2", [&] { log.finish(3); });
  log.finish(2);
}

TEST_F(RecordsTest, ASinkGetsWhatWaitsWhenTheRunIsStopped) {
  std::vector<std::string> lines;
  RecordLog log([&](std::string_view line) { lines.emplace_back(line); });
  for (const std::uint64_t i : {3u, 1u}) log.add(i, record(i));
  EXPECT_EQ(log.held_bytes(), record(1).size() + record(3).size() + 2);
  log.release();
  EXPECT_EQ(lines, (std::vector<std::string>{record(1) + "\n", record(3) + "\n"}));
  EXPECT_EQ(log.written(), 2u);
  EXPECT_EQ(log.held_bytes(), 0u);
}

TEST_F(RecordsTest, DevicesAreWrittenInPlace) {
  RecordLog null("/dev/null", {});
  null.add(0, record(0));
  null.finish(1);
  RecordLog full("/dev/full", {});
  expect_refused(ErrorCode::kIo, "No space left", [&] { full.add(0, record(0)); });
  expect_refused(ErrorCode::kUsage, "/dev/null",
                 [] { RecordLog log("/dev/null", {.resume = true}); });
  expect_refused(ErrorCode::kIo, "folder", [&] { RecordLog log(folder_.path(), {}); });
}

TEST(HashParts, BordersCount) {
  EXPECT_NE(hash_parts({"ab", "c"}), hash_parts({"a", "bc"}));
  EXPECT_NE(hash_parts({"ab"}), hash_parts({"ab", ""}));
  EXPECT_EQ(hash_parts({"ab", "c"}), hash_parts({"ab", "c"}));
  EXPECT_EQ((RecordFingerprint{0x12, 0xfedcba9876543210}.text()),
            "0000000000000012-fedcba9876543210");
}

}  // namespace
}  // namespace lathe
