// Ids of real vocabularies (GGUF files without a model) on fixed texts, special tokens off.
// The .inp cases stand between lines "__ggml_vocab_test__"; each .out line has a case's ids.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "lathe/checkpoint.h"
#include "lathe/tokenizer.h"

#include "support/paths.h"

namespace lathe {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> read_cases(const std::string& path) {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> cases;
  const std::string all = read_file(path);
  std::size_t at = 0;
  for (std::size_t end = all.find(kSeparator); end != std::string::npos;
       end = all.find(kSeparator, at)) {
    cases.push_back(all.substr(at, end - at));
    at = end + kSeparator.size();
  }
  return cases;
}

TEST(VocabVectors, IdsAreThoseOfTheFiles) {
  const std::filesystem::path folder = shared_data("vocab");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  int files = 0, cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".gguf") || !std::filesystem::exists(path + ".out")) continue;
    const auto checkpoint = Checkpoint::open(path);
    const auto tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
    const auto texts = read_cases(path + ".inp");
    std::istringstream lines(read_file(path + ".out"));
    std::string line;
    std::size_t index = 0;
    for (; std::getline(lines, line); ++index) {
      ASSERT_LT(index, texts.size()) << path;
      std::vector<TokenId> want;
      std::istringstream numbers(line);
      for (TokenId id = 0; numbers >> id;) want.push_back(id);
      const auto got = tokenizer->encode(texts[index], {.add_special = false});
      EXPECT_EQ(want, got) << path << " case " << index << ": "
                           << testing::PrintToString(texts[index]);
      ++cases;
    }
    EXPECT_EQ(index, texts.size()) << path;
    ++files;
  }
  EXPECT_GE(files, 4);
  EXPECT_GE(cases, 4 * 40);
}

}  // namespace
}  // namespace lathe
