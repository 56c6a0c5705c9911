#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

#include "lathe/error.h"
#include "lathe/tokenizer.h"
#include "lathe/tokenizer_files.h"

#include "base/utf8.h"
#include "support/paths.h"
#include "tokenizer/spm/tokenizer.h"

namespace lathe {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string shared(const std::string& name) { return shared_data(name); }

// A text made of pieces of the vocabulary, spaces, any character and invalid bytes.
std::string random_text(std::mt19937& random, const SpmModel& model) {
  std::string text;
  const std::size_t parts = random() % 12;
  for (std::size_t i = 0; i < parts; ++i) {
    switch (random() % 8) {
      case 0:
        text += ' ';
        break;
      case 1:
        text += static_cast<char>(random() % 256);
        break;
      case 2:
        text += static_cast<char>(' ' + random() % 95);
        break;
      case 3:
        text += kSpaceMark;
        break;
      case 4: {
        const auto c = static_cast<char32_t>(random() % 0x11000);
        if (c < 0xd800 || c > 0xdfff) append_utf8(c, text);
        break;
      }
      default:
        text += model.pieces[random() % model.pieces.size()].text;
    }
  }
  return text;
}

class SpmFiles : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = shared(GetParam());
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
    const std::string bytes = read_file(path);
    if (path.ends_with(".bin")) {
      files_ = from_llama2c_tokenizer(std::as_bytes(std::span(bytes)), -1, path);
    } else {
      files_.sentencepiece_model = bytes;
      files_.origin = path;
    }
    model_ = parse_spm_model(files_.sentencepiece_model, path);
    tokenizer_ = Tokenizer::create(files_);
  }

  TokenizerFiles files_;
  SpmModel model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_P(SpmFiles, EncodesAsTheLibraryDoes) {
  const SpmLibrary library(model_, "test");
  const StringTable pieces = index_pieces(model_, "test");
  const SpmBpe own(model_, pieces);
  SpmBpe::Scratch scratch;
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_text(random, model_);
    std::vector<TokenId> want, got;
    library.encode(text, want);
    if (!text.empty()) own.encode(text, true, scratch, got);
    ASSERT_EQ(want, got) << testing::PrintToString(text);
  }
}

TEST_P(SpmFiles, DecodesAsTheLibraryDoes) {
  const SpmLibrary library(model_, "test");
  std::mt19937 random(8);
  for (int i = 0; i < 20000; ++i) {
    std::vector<TokenId> ids(random() % 10);
    for (TokenId& id : ids) {
      const bool byte = random() % 2 == 0;
      id = static_cast<TokenId>(random() % (byte ? 259 : model_.pieces.size()));
    }
    ASSERT_EQ(library.decode(ids), tokenizer_->decode(ids)) << testing::PrintToString(ids);
  }
}

TEST_P(SpmFiles, IdsDoNotDependOnThreads) {
  std::mt19937 random(9);
  std::string text;
  while (text.size() < 1500000) text += random_text(random, model_);
  const auto one = tokenizer_->encode(text, {.threads = 1});
  for (const int threads : {2, 3, 8}) {
    ASSERT_EQ(one, tokenizer_->encode(text, {.threads = threads})) << threads;
  }
}

TEST_P(SpmFiles, StreamShowsWhatDecodeShows) {
  std::mt19937 random(10);
  for (int i = 0; i < 2000; ++i) {
    auto ids = tokenizer_->encode(random_text(random, model_));
    const std::size_t context = ids.empty() ? 0 : random() % ids.size();
    auto stream = tokenizer_->stream(std::span(ids).first(context));
    std::string text;
    for (const TokenId id : std::span(ids).subspan(context)) text += stream->push(id);
    text += stream->finish();
    const std::string all = tokenizer_->decode(ids);
    ASSERT_TRUE(all.ends_with(text)) << all << " | " << text;
    if (context <= 1) {
      ASSERT_EQ(all, text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, SpmFiles, testing::Values("llama2-tokenizer.model", "tok512.bin"));

}  // namespace
}  // namespace lathe
