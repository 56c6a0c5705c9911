// Vectors of texts: pooling and scaling as sentence-transformers define them, what files say of
// them, and the same bits whatever is computed beside a text.
#include "lathe/embedding.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <numeric>

#include "lathe/convert.h"
#include "lathe/error.h"
#include "lathe/model_config.h"
#include "lathe/session.h"

#include "support/paths.h"
#include "support/temp_folder.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using Texts = std::vector<std::vector<TokenId>>;

Texts some_texts() {
  Texts out;
  for (const int words : {3, 40, 1, 12, 90}) {
    out.push_back(village_prompt(static_cast<std::uint32_t>(words), words));
  }
  return out;
}

// By the definition, of the hidden states of one text.
std::vector<double> by_definition(const std::vector<TokenId>& text, Pooling pooling) {
  const auto session = Session::create(small_model().model, {.threads = 1, .max_tokens = 512});
  const SequenceInput input = {session->add(), text, true};
  const auto rows = session->hidden_states({&input, 1});
  const std::size_t size = rows.size() / text.size();
  std::vector<double> out(size);
  for (std::size_t row = 0; row < text.size(); ++row) {
    const bool taken =
        pooling == Pooling::kMean || row == (pooling == Pooling::kLast ? text.size() - 1 : 0);
    for (std::size_t i = 0; i < size && taken; ++i) {
      out[i] += static_cast<double>(rows[row * size + i]);
    }
  }
  const double length = std::sqrt(std::inner_product(out.begin(), out.end(), out.begin(), 0.0));
  for (double& x : out) x /= length;
  return out;
}

std::vector<std::vector<float>> vectors_of(const EmbeddingRules& rules,
                                           const EmbedderOptions& options = {}) {
  return Embedder::create(small_model().model, rules, options)->embed(some_texts());
}

TEST(Embedding, IsOfTheStatesThatItsPoolingNames) {
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast, Pooling::kCls}) {
    const auto vectors = vectors_of({.pooling = pooling});
    ASSERT_EQ(vectors.size(), some_texts().size());
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      const auto want = by_definition(some_texts()[i], pooling);
      ASSERT_EQ(vectors[i].size(), want.size());
      for (std::size_t k = 0; k < want.size(); ++k) {
        EXPECT_NEAR(vectors[i][k], want[k], 1e-6) << to_string(pooling);
      }
    }
  }
}

TEST(Embedding, HasTheSameBitsInAnyCompanyPiecesAndThreads) {
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast, Pooling::kCls}) {
    const EmbeddingRules rules = {.pooling = pooling};
    const auto together = vectors_of(rules, {.threads = 1});
    EXPECT_EQ(vectors_of(rules, {.threads = 2, .tokens_at_once = 7}), together);
    EXPECT_EQ(vectors_of(rules, {.threads = 3, .tokens_at_once = 1}), together);
    const auto alone = Embedder::create(small_model().model, rules);
    for (std::size_t i = 0; i < together.size(); ++i) {
      EXPECT_EQ(alone->embed({&some_texts()[i], 1})[0], together[i]);
    }
  }
}

TEST(Embedding, IsNotScaledWhereTheRulesLeaveItOut) {
  const auto scaled = vectors_of({}), plain = vectors_of({.normalized = false});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    double squares = 0.0;
    for (const float x : plain[i]) squares += static_cast<double>(x) * static_cast<double>(x);
    EXPECT_GT(std::abs(squares - 1.0), 1e-2);
    for (std::size_t k = 0; k < plain[i].size(); ++k) {
      EXPECT_NEAR(scaled[i][k], plain[i][k] / std::sqrt(squares), 1e-6);
    }
  }
}

TEST(Embedding, IsScaledAnewWhereItIsShortened) {
  const auto whole = vectors_of({}), part = vectors_of({}, {.dimensions = 8});
  double squares = 0.0;
  ASSERT_EQ(part[1].size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    squares += static_cast<double>(part[1][i]) * static_cast<double>(part[1][i]);
    EXPECT_NEAR(part[1][i] / part[1][0], whole[1][i] / whole[1][0], 1e-4);
  }
  EXPECT_NEAR(squares, 1.0, 1e-6);
  EXPECT_THROW(vectors_of({}, {.dimensions = 1000}), Error);
}

TEST(Embedding, AnswersRequestsAsTheyCome) {
  const auto embedder = Embedder::create(small_model().model, {}, {.tokens_at_once = 16});
  const auto submit = [&](std::vector<TokenId> text) {
    Request request;
    request.prompt = std::move(text);
    request.samples = 0;
    return embedder->submit(std::move(request));
  };
  EXPECT_THROW(submit({}), Error);
  EXPECT_THROW(submit({-1}), Error);
  EXPECT_THROW(submit(std::vector<TokenId>(100000, 5)), Error);
  Request answer;  // is asked for
  answer.prompt = {5};
  EXPECT_THROW(embedder->submit(std::move(answer)), Error);
  EXPECT_TRUE(embedder->idle());

  const RequestId long_one = submit(some_texts()[4]), short_one = submit({5, 6}),
                  cancelled = submit({7});
  std::int64_t steps = 0;
  EXPECT_TRUE(embedder->step().empty());  // a piece of the first
  EXPECT_TRUE(embedder->cancel(cancelled));
  EXPECT_FALSE(embedder->cancel(cancelled));
  std::vector<RequestId> ended;
  for (; !embedder->idle(); ++steps) {
    for (const Completion& done : embedder->step()) {
      ended.push_back(done.id);
      EXPECT_EQ(vector_of(done).empty(), done.id == cancelled);
    }
  }
  EXPECT_EQ(ended, (std::vector<RequestId>{cancelled, long_one, short_one}));
  EXPECT_GT(steps, 3);
  const EngineStats stats = embedder->stats();
  EXPECT_EQ(stats.submitted, 3);
  EXPECT_EQ(stats.completed, 3);
  EXPECT_EQ(stats.cancelled, 1);
  EXPECT_EQ(stats.waiting + stats.running, 0);
  EXPECT_EQ(stats.prompt_tokens, std::ssize(some_texts()[4]) + 2);
}

// ---- what files say

constexpr const char* kModules = R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
  NORMALIZE])";
constexpr const char* kNormalize =
    R"(,{"idx": 2, "name": "2", "path": "", "type": "sentence_transformers.models.Normalize"})";

class EmbeddingFiles : public testing::Test {
 protected:
  EmbeddingFiles() {
    std::filesystem::copy(testdata("examples/village"), folder_.file("village"));
    std::filesystem::create_directory(folder_.file("village/1_Pooling"));
  }

  void write(const std::string& mode, bool normalized) {
    std::string modules = kModules;
    modules.replace(modules.find("NORMALIZE"), 9, normalized ? kNormalize : "");
    folder_.write("village/modules.json", modules);
    folder_.write("village/1_Pooling/config.json",
                  R"({"word_embedding_dimension": 48, "pooling_mode_max": false,
                      ")" +
                      mode + R"(": true, "include_prompt": true})");
  }

  std::shared_ptr<const Checkpoint> open(const std::string& name = "village") const {
    return Checkpoint::open(folder_.file(name));
  }

  const test::TempFolder folder_;
};

TEST_F(EmbeddingFiles, AreTheRulesAndSurviveConversion) {
  for (const auto& [mode, pooling] : {std::pair("pooling_mode_lasttoken", Pooling::kLast),
                                      std::pair("pooling_mode_mean_tokens", Pooling::kMean),
                                      std::pair("pooling_mode_cls_token", Pooling::kCls)}) {
    write(mode, true);
    ConvertOptions options;
    options.overwrite = true;
    for (const char* to : {"", "a.lathe", "a.gguf", "a"}) {
      if (*to != '\0') convert(*open(), folder_.file(to), options);
      const auto rules = embedding_rules(*open(*to == '\0' ? "village" : to));
      ASSERT_TRUE(rules) << to;
      EXPECT_EQ(rules->pooling, pooling) << to;
      EXPECT_TRUE(rules->normalized) << to;
    }
  }
  EXPECT_FALSE(embedding_rules(*Checkpoint::open(testdata("examples/village"))));
}

TEST_F(EmbeddingFiles, SayWhetherVectorsAreScaled) {
  write("pooling_mode_lasttoken", false);
  EXPECT_FALSE(embedding_rules(*open())->normalized);
  convert(*open(), folder_.file("a"), {});
  EXPECT_FALSE(embedding_rules(*open("a"))->normalized);
}

TEST_F(EmbeddingFiles, AreRefusedByNameWhereTheyAskForMore) {
  const auto refused = [this](const std::string& part) {
    try {
      embedding_rules(*open());
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
  };
  write("pooling_mode_max_tokens", true);
  refused("max");
  std::filesystem::remove(folder_.file("village/1_Pooling/config.json"));
  refused("no file of it describes");
  folder_.write("village/modules.json",
                R"([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  refused("Dense");
  folder_.write("village/modules.json", R"([
    {"path": "../x", "type": "sentence_transformers.models.Pooling"}])");
  refused("no file of it describes");
}

}  // namespace
}  // namespace lathe
