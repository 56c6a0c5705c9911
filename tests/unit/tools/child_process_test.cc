#include "common/child_process.h"

#include <chrono>
#include <csignal>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "lathe/error.h"

namespace lathe::tool {
namespace {

ChildResult shell(const std::string& script, double timeout = 0.0) {
  return run_child({"/bin/sh", "-c", script}, {timeout, false});
}

TEST(ChildProcess, TakesWhatItPrints) {
  const ChildResult result = shell("echo out; echo err >&2; sleep 0.05; echo more");
  EXPECT_TRUE(result.succeeded());
  EXPECT_EQ(result.output, "out\nmore\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_GT(result.first_byte_seconds, 0.0);
  EXPECT_GT(result.use.peak_bytes.value(), 0U);
  EXPECT_EQ(shell("true").first_byte_seconds, 0.0);
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(shell("exit 3").ending(), "exit status 3");
  EXPECT_EQ(shell("echo a >&2; printf 'b\\033[1m\\n' >&2; exit 1").ending(),
            "exit status 1: b\\x1b[1m");
  EXPECT_NE(shell("kill -9 $$").ending().find("signal 9"), std::string::npos);
  EXPECT_EQ(run_child({"/nonexistent"}, {}).ending(), "exit status 127: No such file or directory");
}

TEST(ChildProcess, HasNoInputAndMuchOutput) {
  EXPECT_EQ(shell("cat").output, "");
  EXPECT_EQ(shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2").output.size(),
            3000000U);
}

TEST(ChildProcess, IsEndedWithAllOfItsGroup) {
  const auto start = std::chrono::steady_clock::now();
  try {
    shell("trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000", 0.2);
    ADD_FAILURE() << "no timeout";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimit);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(300));
  // What it leaves behind holds the pipes open, and is ended too.
  const ChildResult left = shell("sleep 1001 & echo $!");
  const int pid = std::stoi(left.output);
  for (int i = 0; i < 10000 && ::kill(pid, 0) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace lathe::tool
