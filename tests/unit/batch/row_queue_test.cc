#include "batch/row_queue.h"

#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <new>
#include <thread>

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using namespace std::chrono_literals;

// The village's tokenizer, but a text "slow" waits until it is released.
class SleepyTokenizer final : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& how) const override {
    while (text == "slow" && !awake) std::this_thread::sleep_for(1ms);
    if (text == "huge") throw std::bad_alloc();
    return real_->encode(text, how);
  }
  std::vector<TokenId> encode_parts(std::span<const TextPart> parts,
                                    const EncodeOptions& how) const override {
    return real_->encode_parts(parts, how);
  }
  std::string decode(std::span<const TokenId> ids, bool special) const override {
    return real_->decode(ids, special);
  }
  std::int64_t vocab_size() const noexcept override { return real_->vocab_size(); }
  std::string piece(TokenId id) const override { return real_->piece(id); }
  std::optional<TokenId> token_id(std::string_view p) const override { return real_->token_id(p); }
  bool is_special(TokenId id) const noexcept override { return real_->is_special(id); }
  std::optional<TokenId> bos() const noexcept override { return real_->bos(); }
  std::optional<TokenId> eos() const noexcept override { return real_->eos(); }
  bool adds_bos() const noexcept override { return real_->adds_bos(); }
  const std::string& chat_template() const noexcept override { return real_->chat_template(); }
  std::unique_ptr<Stream> stream(std::span<const TokenId> context) const override {
    return real_->stream(context);
  }

  std::atomic<bool> awake{false};

 private:
  std::shared_ptr<const Tokenizer> real_ = small_model().tokenizer;
};

class RowQueueTest : public testing::Test {
 protected:
  ~RowQueueTest() override { tokenizer_->awake = true; }

  void push(const std::string& prompt, double timeout = 0.0) {
    const std::string text =
        fmt::format(R"({{"id":"{0}","prompt":"{0}","timeout":{1}}})", prompt, timeout);
    InputLine line;
    line.text = text;
    line.bytes = text.size();
    ReadyRow row;
    row.index = pushed_++;
    ASSERT_TRUE(queue_.push(std::move(row), line));
  }
  // The number of the next row; -1 when none comes.
  std::int64_t next(std::chrono::milliseconds patience = 300s) {
    row_ = queue_.next(patience);
    return row_ ? static_cast<std::int64_t>(row_->index) : -1;
  }

  std::shared_ptr<SleepyTokenizer> tokenizer_ = std::make_shared<SleepyTokenizer>();
  BatchOptions options_;
  RowPreparation preparation_{tokenizer_, options_};
  RowQueue queue_{preparation_, 64};
  std::uint64_t pushed_ = 0;
  std::optional<ReadyRow> row_;
};

TEST_F(RowQueueTest, RowsComeInTheirOrder) {
  for (int i = 0; i < 50; ++i) push(fmt::format("A heron {}", i));
  queue_.end(nullptr);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(next(), i);
    EXPECT_FALSE(row_->prompt.empty());
    EXPECT_FALSE(row_->row.error);
  }
  EXPECT_EQ(next(), -1);
  EXPECT_TRUE(queue_.ended());
}

TEST_F(RowQueueTest, OneThatTakesLongHoldsUpNoOther) {
  push("slow");
  for (int i = 0; i < 5; ++i) push("A heron");
  queue_.end(nullptr);
  EXPECT_FALSE(queue_.held_up());
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(next(), i);
  EXPECT_TRUE(queue_.held_up());
  EXPECT_EQ(next(1ms), -1);
  EXPECT_FALSE(queue_.ended());
  tokenizer_->awake = true;
  EXPECT_EQ(next(), 0);
  EXPECT_GT(row_->seconds, 0.5);
  EXPECT_FALSE(row_->prompt.empty());
  EXPECT_EQ(next(), -1);
  EXPECT_TRUE(queue_.ended());
}

TEST_F(RowQueueTest, OneWhoseTimeIsUpComesOutWhileItIsStillRead) {
  push("slow", 0.05);
  push("A heron", 1000);
  queue_.end(nullptr);
  EXPECT_EQ(next(), 0);
  EXPECT_TRUE(row_->timed_out);
  EXPECT_EQ(row_->row.id, "\"slow\"");
  ASSERT_TRUE(row_->row.error);
  EXPECT_EQ(row_->row.error->message, "timed out after 0.05 seconds");
  EXPECT_EQ(next(), 1);
  EXPECT_FALSE(row_->row.error);
  EXPECT_EQ(next(), -1);
  EXPECT_TRUE(queue_.ended());
}

TEST_F(RowQueueTest, WantOfMemoryIsAnErrorOfTheRow) {
  push("huge");
  push("A heron");
  EXPECT_EQ(next(), 0);
  ASSERT_TRUE(row_->row.error);
  EXPECT_EQ(row_->row.error->code, ErrorCode::kLimit);
  EXPECT_EQ(next(), 1);
  EXPECT_FALSE(row_->row.error);
}

}  // namespace
}  // namespace lathe
