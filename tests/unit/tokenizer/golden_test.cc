// tokenizer.json files of every supported kind against ids that Hugging Face's `tokenizers`
// gave (scripts/golden/tokenizers_golden.py). LATHE_GOLDEN_TOKENIZERS names another folder to read.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lathe/tokenizer.h"

namespace lathe {
namespace {

TEST(Golden, IdsAndTextsAreThoseOfTheOriginal) {
  const char* other = std::getenv("LATHE_GOLDEN_TOKENIZERS");
  const std::filesystem::path folder =
      other != nullptr ? other : LATHE_TESTDATA "/golden/tokenizers";
  std::size_t files = 0, cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    const auto golden = nlohmann::json::parse(in);
    TokenizerFiles source;
    source.tokenizer_json = golden["tokenizer"].get<std::string>();
    source.origin = entry.path().filename().string();
    const auto tokenizer = Tokenizer::create(source);
    int wrong = 0;
    for (const auto& one : golden["cases"]) {
      const auto text = one[0].get<std::string>();
      const auto want = one[1].get<std::vector<TokenId>>();
      const auto got = tokenizer->encode(text, {.parse_special = true});
      const auto shown = tokenizer->decode(want);
      const auto want_shown = one[2].get<std::string>();
      EXPECT_EQ(want, got) << source.origin << ": " << one[0].dump(-1, ' ', true);
      EXPECT_EQ(want_shown, shown) << source.origin << ": " << one[0].dump(-1, ' ', true);
      wrong += want != got || want_shown != shown ? 1 : 0;
      ++cases;
      if (wrong >= 3) break;  // more of the same kind tell nothing new
    }
    ++files;
  }
  EXPECT_GE(files, 40u);
  EXPECT_GE(cases, files * 40);
  RecordProperty("files", static_cast<int>(files));
  RecordProperty("cases", static_cast<int>(cases));
}

}  // namespace
}  // namespace lathe
