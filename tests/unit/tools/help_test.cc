#include "common/help.h"

#include <gtest/gtest.h>

#include "common/tool.h"

namespace lathe::tool {
namespace {

TEST(HelpTest, WrapsAtEightyColumns) {
  const std::string text = wrap(std::string(50, 'a') + " " + std::string(29, 'b') + " c", 4, 0);
  EXPECT_EQ(text, std::string(50, 'a') + " " + std::string(29, 'b') + "\n    c");
}

TEST(HelpTest, CountsCharactersNotBytes) {
  std::string word;
  for (int i = 0; i < 78; ++i) word += "ä";
  EXPECT_EQ(wrap(word + " b c", 2, 0), word + " b\n  c");
}

TEST(HelpTest, KeepsNewlinesThatAreThere) { EXPECT_EQ(wrap("a\nb", 2, 0), "a\n  b"); }

TEST(HelpTest, TellsValuesFromTypeNames) {
  CLI::App app;
  bool flag = false;
  std::string value;
  EXPECT_FALSE(value_kind(*app.add_flag("--flag", flag)).takes_value);
  const auto file = value_kind(*app.add_option("--in", value)->type_name("FILE"));
  EXPECT_TRUE(file.takes_value && file.is_file && file.choices.empty());
  const auto choice = value_kind(*app.add_option("--how", value)->type_name("f32|f16|bf16"));
  EXPECT_EQ(choice.choices, (std::vector<std::string>{"f32", "f16", "bf16"}));
  EXPECT_FALSE(value_kind(*app.add_option("-n", value)->type_name("N")).is_file);
}

TEST(HelpTest, ListsEveryOptionOnce) {
  Tool tool("probe", "probe the help");
  tool.add_common(kModel | kInput | kOutput | kThreads | kJson);
  std::int64_t tokens = 7;
  tool.number("-n,--tokens", tokens, "How many", 0, 10)->group("Generation");
  const std::string help = tool.help();
  for (const char* line : {"\nGeneration:\n  -n, --tokens N          How many (default: 7)\n",
                           "\n  -m, --model MODEL ", "\n      --json "}) {
    const auto at = help.find(line);
    ASSERT_NE(at, std::string::npos) << line << help;
    EXPECT_EQ(help.find(line, at + 1), std::string::npos);
  }
  EXPECT_LT(help.find("Generation:"), help.find("Common options:"));
  EXPECT_EQ(help.find("--completions"), std::string::npos);
}

TEST(CompletionsTest, QuoteForTheirShell) {
  CLI::App app;
  bool flag = false;
  app.set_help_flag();
  app.add_flag("--it", flag, "it's [a] \\ flag: yes");
  EXPECT_NE(completion_script(app, "p", "zsh").find("'*--it[it'\\''s \\[a\\] \\\\ flag\\: yes]'"),
            std::string::npos)
      << completion_script(app, "p", "zsh");
  EXPECT_NE(completion_script(app, "p", "fish").find("-d 'it\\'s [a] \\\\ flag: yes'"),
            std::string::npos);
}

}  // namespace
}  // namespace lathe::tool
