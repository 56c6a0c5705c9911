// GGUF's pre-tokenizers against what Hugging Face's `tokenizers` makes of their regexes
// (scripts/golden/pre_tokenizers_golden.py).
#include "tokenizer/gguf_pre.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "support/paths.h"
#include "tokenizer/pre_tokenizer.h"

namespace lathe {
namespace {

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(decode_utf8(text).length);
  return count;
}

TEST(GgufPre, CutsAsTheOriginalsRegexesDo) {
  std::ifstream in(testdata("golden/pre_tokenizers.json"));
  const auto golden = nlohmann::json::parse(in);
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  for (const GgufPre& pre : gguf_pres()) {
    const std::string name(pre.name);
    ASSERT_TRUE(golden["pres"].contains(name)) << name << ": make the golden file again";
    const auto& want = golden["pres"][name];
    ASSERT_EQ(std::vector<std::string>(pre.splits.begin(), pre.splits.end()), want["splits"])
        << name << ": make the golden file again";
    PreTokenizer made;
    for (const std::string_view split : pre.splits) {
      made.add_split(split, SplitBehavior::kIsolated, false, name);
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::vector<std::size_t> lengths;
      RegexScratch scratch;
      made.run(texts[i], true, scratch,
               [&](std::string_view word) { lengths.push_back(characters(word)); });
      EXPECT_EQ(lengths, want["lengths"][i].get<std::vector<std::size_t>>())
          << name << ": " << texts[i];
    }
  }
}

TEST(GgufPre, NamesAndAliasesAreEachThereOnce) {
  for (const GgufPre& pre : gguf_pres()) EXPECT_EQ(find_gguf_pre(pre.name), &pre);
  EXPECT_EQ(find_gguf_pre(""), find_gguf_pre("default"));
  EXPECT_EQ(find_gguf_pre("hunyuan-dense"), find_gguf_pre("deepseek-v3"));
  EXPECT_EQ(find_gguf_pre("llama4"), find_gguf_pre("gpt-4o"));
  EXPECT_EQ(find_gguf_pre("roberta-bpe"), nullptr);
}

}  // namespace
}  // namespace lathe
