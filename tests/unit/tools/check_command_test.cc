#include "generate/check_command.h"

#include <gtest/gtest.h>

#include "support/refusal.h"

namespace lathe::tool {
namespace {

using test::error_of;
using Words = std::vector<std::string>;

TEST(CheckCommand, SplitsWordsAsAShellDoes) {
  EXPECT_EQ(split_words("  a\t'b c'  d\"e f\"g \\'h "), (Words{"a", "b c", "de fg", "'h"}));
  EXPECT_EQ(split_words("'' \"\\\"\\a\\\\\""), (Words{"", "\"\\a\\"}));
  EXPECT_EQ(split_words("a $HOME ; * | b"), (Words{"a", "$HOME", ";", "*", "|", "b"}));
  EXPECT_EQ(split_words(" "), Words{});
  for (const char* bad : {"'a", "\"a", "a\\"}) {
    EXPECT_EQ(error_of([&] { split_words(bad); }), ErrorCode::kUsage) << bad;
  }
}

TEST(CheckCommand, PutsTheFileWhereItIsWanted) {
  const CheckCommand command("/bin/sh -c x {}.cc --file={}.cc", false);
  EXPECT_TRUE(command.wants_file());
  EXPECT_EQ(command.suffix(), ".cc");
  EXPECT_EQ(command.arguments("/tmp/t"),
            (Words{"/bin/sh", "-c", "x", "/tmp/t.cc", "--file=/tmp/t.cc"}));
  EXPECT_FALSE(CheckCommand("/bin/sh -n", false).wants_file());
  EXPECT_EQ(error_of([] { CheckCommand("/bin/sh {}.a {}.b", false); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([] { CheckCommand("/bin/sh {}/a", false); }), ErrorCode::kUsage);
}

TEST(CheckCommand, GivesAShellTheFileAsAnArgument) {
  EXPECT_EQ(CheckCommand("cat \"$1\"", true).arguments("/t"),
            (Words{"/bin/sh", "-c", "cat \"$1\"", "check", "/t"}));
  EXPECT_EQ(CheckCommand("cat", true).arguments(""), (Words{"/bin/sh", "-c", "cat", "check"}));
}

TEST(CheckCommand, KnowsWhetherThereIsSuchAProgram) {
  EXPECT_EQ(error_of([] { CheckCommand("no-such-program-anywhere", false); }), ErrorCode::kIo);
  EXPECT_EQ(error_of([] { CheckCommand("/dev/null", false); }), ErrorCode::kIo);
  EXPECT_EQ(error_of([] { CheckCommand("", false); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([] { CheckCommand(" ", true); }), ErrorCode::kUsage);
  EXPECT_EQ(CheckCommand("sh -n", false).arguments("").back(), "-n");
}

}  // namespace
}  // namespace lathe::tool
