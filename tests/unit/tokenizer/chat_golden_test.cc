// Whole templates on conversations of all kinds, against what transformers prints.
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

#include "lathe/chat_json.h"
#include "lathe/error.h"

#include "base/json.h"
#include "base/json_raw.h"
#include "support/mark_tokenizer.h"
#include "support/paths.h"

namespace lathe {
namespace {

class ChatGolden : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SOURCE_DATE_EPOCH", "1795996923", 1);
    setenv("TZ", "UTC", 1);
  }
  void TearDown() override { unsetenv("SOURCE_DATE_EPOCH"); }
};

TEST_F(ChatGolden, TemplatesPrintWhatTransformersPrintsAndFailWhereItRaises) {
  const test::MarkTokenizer tokenizer({"<s>", "</s>"});
  std::map<std::string, ChatTemplate> templates;
  std::ifstream cases(testdata("golden/chat/expected.jsonl"));
  int count = 0, refused = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    const std::vector<std::string> parts = raw_json_elements(line);
    ASSERT_EQ(parts.size(), 3u);
    const auto name = parse_json(parts[0], "name").get<std::string>();
    const nlohmann::json wanted = parse_json(parts[2], "text");
    if (!templates.contains(name)) {
      templates.emplace(name, ChatTemplate::find(testdata("golden/chat/" + name), tokenizer));
    }
    try {
      const ChatRequest request = parse_chat(parts[1], "request");
      const std::string text = templates.at(name).render(tokenizer, request).text();
      EXPECT_TRUE(wanted.is_string() && text == wanted.get<std::string>())
          << name << " of " << parts[1] << "\nprints " << text << "\nnot " << parts[2];
    } catch (const Error& error) {
      EXPECT_TRUE(wanted.is_null()) << name << " of " << parts[1] << "\n" << error.message();
      ++refused;
    }
  }
  EXPECT_GT(count, 150);
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace lathe
