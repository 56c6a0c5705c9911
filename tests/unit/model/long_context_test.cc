// 262,144 positions: memory is what was said, later tokens have the same bits for every number of
// threads and cut of the text, and the end of the context is named.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "lathe/model.h"
#include "lathe/quantize.h"
#include "lathe/session.h"

#include "model/session_pages.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

constexpr std::int64_t kContext = 262144;
constexpr std::int64_t kRead = 1024;  // whose pages are all others, too

class LongText {
 public:
  LongText(const std::shared_ptr<const Model>& model, KvType type, int threads) {
    SessionOptions options;
    options.threads = threads;
    options.kv_type = type;
    session_ = Session::create(model, options);
    id_ = session_->add();
    std::vector<TokenId> tokens;
    for (TokenId i = 0; i < kRead; ++i) tokens.push_back(i * i % 49);
    add(tokens);
    SessionPages pages(*session_);
    const std::int64_t count = kRead / pages.layout().page_tokens;
    std::vector<std::byte> bytes(static_cast<std::size_t>(count) * pages.layout().page_bytes);
    pages.copy(id_, 0, count, bytes);
    for (std::int64_t at = 2 * kRead; at <= kContext; at += kRead) {
      pages.append(id_, kRead, bytes);
    }
    session_->truncate(id_, kContext - 100);
  }

  std::vector<float> add(std::span<const TokenId> tokens) {
    const SequenceInput input = {id_, tokens, true};
    const auto logits = session_->forward({&input, 1});
    return {logits.begin(), logits.end()};
  }
  Session& session() { return *session_; }

 private:
  std::unique_ptr<Session> session_;
  SequenceId id_ = 0;
};

std::shared_ptr<const Model> model() {
  ModelConfig config = small_config();
  config.max_position = kContext;
  config.hidden_size = 64;
  each_layer(config, [](LayerConfig& layer) {
    layer.attention.head_dim = layer.attention.rotary_dims = 16;
    layer.mlp.width = 128;
  });
  const test::TempFolder folder;
  QuantizeOptions options;
  options.scheme = "w8";
  options.threads = 1;
  const std::shared_ptr<const Checkpoint> floats = random_checkpoint(config);
  quantize(*floats, folder.file("w8.lathe"), options);
  return Model::load(Checkpoint::open(folder.file("w8.lathe")));
}

TEST(LongContext, IsComputedToItsLastPosition) {
  for (const KvType type : {KvType::kInt8, KvType::kK8V4, KvType::kInt4}) {
    const auto small = model();
    std::vector<TokenId> tokens(100);
    for (TokenId i = 0; i < 100; ++i) tokens[static_cast<std::size_t>(i)] = i * 7 % 50;
    LongText one(small, type, 1), three(small, type, 3);
    // Token by token, whose spans are shared out, and in pieces of several.
    std::vector<float> single, pieces;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto more = one.add(std::span(tokens).subspan(i, 1));
      single.insert(single.end(), more.begin(), more.end());
    }
    for (std::size_t i = 0; i < tokens.size();) {
      const std::size_t count = i % 3 == 0 ? 1 : std::min<std::size_t>(9, tokens.size() - i);
      const auto more = three.add(std::span(tokens).subspan(i, count));
      pieces.insert(pieces.end(), more.begin(), more.end());
      i += count;
    }
    ASSERT_TRUE(single == pieces);
    for (const float logit : single) ASSERT_TRUE(std::isfinite(logit));
    for (LongText* text : {&one, &three}) {
      const KvLayout layout = kv_layout(*small, type);
      EXPECT_EQ(text->session().kv_usage().tokens_stored, kContext);
      EXPECT_LE(text->session().kv_usage().bytes_allocated, layout.bytes(kContext) * 101 / 100);
      test::expect_refused(ErrorCode::kLimit, "context of 262144",
                           [&] { text->add(std::span(tokens).first(1)); });
    }
  }
}

}  // namespace
}  // namespace lathe
