// The language, against what transformers makes of the same templates.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>

#include "lathe/error.h"

#include "base/json.h"
#include "run_jinja.h"
#include "support/paths.h"

namespace lathe {
namespace {

std::string golden_folder() {
  const char* other = std::getenv("LATHE_GOLDEN_JINJA");
  return other != nullptr ? other : testdata("golden/jinja");
}

TEST(JinjaGolden, TemplatesPrintWhatTransformersPrintsAndFailWhereItRaises) {
  std::ifstream file(golden_folder() + "/variables.json");
  const std::string variables((std::istreambuf_iterator<char>(file)), {});
  ASSERT_FALSE(variables.empty());
  std::ifstream cases(golden_folder() + "/language.jsonl");
  int count = 0, refused = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    const nlohmann::json pair = parse_json(line, "language.jsonl");
    const auto source = pair.at(0).get<std::string>();
    try {
      const std::string text = test::run_jinja(source, variables).bytes();
      EXPECT_FALSE(pair.at(1).is_null()) << source << "\nprinted " << text;
      if (!pair.at(1).is_null()) {
        EXPECT_EQ(text, pair.at(1).get<std::string>()) << source;
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnsupported) {
        ++refused;
        continue;
      }
      EXPECT_TRUE(pair.at(1).is_null()) << source << "\n" << error.message();
    }
  }
  EXPECT_GT(count, 2000);
  EXPECT_LT(refused, count / 100);
}

}  // namespace
}  // namespace lathe
