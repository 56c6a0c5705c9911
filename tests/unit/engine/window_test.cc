// Kept beginnings under a sliding window: a long text that has lost its first pages must not
// stand in the way of a short one that still has them.
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/prefix_store.h"
#include "support/paths.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

constexpr std::int64_t kWindow = 70;  // with its slack, 326 positions of the village's 512

// The village as a Mistral whose layers all have a window.
const std::shared_ptr<const Model>& windowed_model() {
  static const test::TempFolder folder;
  static const std::shared_ptr<const Model> model = [] {
    std::filesystem::copy(testdata("examples/village"), folder.file("village"));
    std::string config = test::TempFolder::read(folder.file("village/config.json"));
    const auto replace = [&](std::string_view old, const std::string& by) {
      config.replace(config.find(old), old.size(), by);
    };
    replace("LlamaForCausalLM", "MistralForCausalLM");
    replace(R"("llama")", fmt::format(R"("mistral", "sliding_window": {})", kWindow));
    folder.write("village/config.json", config);
    QuantizeOptions options;
    options.scheme = "w8";
    options.threads = 1;
    quantize(*Checkpoint::open(folder.file("village")), folder.file("w8.lathe"), options);
    return Model::load(Checkpoint::open(folder.file("w8.lathe")));
  }();
  return model;
}

std::unique_ptr<Session> windowed_session() {
  return Session::create(windowed_model(), {.threads = 1, .max_tokens = 4096});
}

std::vector<TokenId> long_text(std::size_t size) {
  auto text = village_prompt(11, 300);
  text.resize(size);
  return text;
}

class WindowedStoreTest : public testing::Test {
 protected:
  SequenceId computed(std::span<const TokenId> tokens) {
    const SequenceInput input = {session_->add(), tokens, false};
    session_->forward({&input, 1});
    return input.sequence;
  }

  const std::vector<TokenId> text_ = long_text(480);
  const std::span<const TokenId> beginning_ = std::span(text_).first(100);
  std::unique_ptr<Session> session_ = windowed_session();
};

TEST_F(WindowedStoreTest, ALongTextDoesNotHideItsBeginning) {
  PrefixStore store(*session_);
  const SequenceId short_one = computed(beginning_);
  const SequenceId long_one = computed(text_);
  ASSERT_GT(SessionPages(*session_).of(long_one).first, 0);
  ASSERT_EQ(SessionPages(*session_).of(short_one).first, 0);
  store.keep(short_one, beginning_);
  store.keep(long_one, text_);
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.find(text_).sequence, long_one);
  EXPECT_EQ(store.find(text_).length, 480);
  auto other = text_;
  other[120] += 1;
  EXPECT_EQ(store.find(other).sequence, short_one);
  EXPECT_EQ(store.find(other).length, 100);
  EXPECT_EQ(store.find(std::span(text_).first(150)).length, 100);
}

TEST_F(WindowedStoreTest, ABeginningIsKeptAfterTheLongText) {
  PrefixStore store(*session_);
  store.keep(computed(text_), text_);
  const SequenceId short_one = computed(beginning_);
  store.keep(short_one, beginning_);
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.find(std::span(text_).first(150)).sequence, short_one);
  store.keep(computed(beginning_), beginning_);
  store.keep(computed(text_), text_);
  EXPECT_EQ(store.size(), 2U);
}

TEST(EngineWindow, ABeginningServesAfterALongTextWentThroughIt) {
  const test::TempFolder folder;
  for (const bool disk : {false, true}) {
    EngineOptions options{.threads = 1, .prefill_chunk = 64};
    if (disk) options.cache_dir = folder.file("cache");
    const auto engine = Engine::create(windowed_model(), small_model().tokenizer, options);
    const auto ask = [&](std::vector<TokenId> prompt) {
      Request request;
      request.prompt = std::move(prompt);
      request.options.max_tokens = 12;
      request.options.ignore_eos = true;
      const RequestId id = engine->submit(request);
      Completion done = run_all(*engine).at(id);
      EXPECT_FALSE(done.error);
      const auto session = windowed_session();
      expect_same(done.samples.at(0),
                  generate(*session, *small_model().tokenizer, request.prompt, request.options));
      return done.cached_tokens;
    };
    const auto text = long_text(480);
    const std::vector<TokenId> beginning(text.begin(), text.begin() + 100);
    EXPECT_EQ(ask(beginning), 0);
    EXPECT_EQ(ask(text), 100);
    auto other = text;
    for (std::size_t i = 100; i < other.size(); ++i) other[i] = text[i - 90];
    EXPECT_EQ(ask(other), 100);
    EXPECT_EQ(ask(text), 479);
  }
}

// Many at once, with a budget that makes them give way: nothing waits for what has slid away.
TEST(EngineWindow, ManyAtOnceEndAsAlone) {
  const auto engine =
      Engine::create(windowed_model(), small_model().tokenizer,
                     {.threads = 1,
                      .kv_memory = 24 * kv_layout(*windowed_model(), KvType::kF16).page_bytes,
                      .max_batch = 5,
                      .prefill_chunk = 200});
  std::vector<Request> requests;
  for (std::size_t i = 0; i < 12; ++i) {
    Request request;
    request.prompt = long_text(30 + i * 37);
    if (i % 3 != 0) request.prompt.back() += 1;
    request.options.max_tokens = 20;
    request.options.ignore_eos = true;
    engine->submit(request);
    requests.push_back(std::move(request));
  }
  const auto done = run_all(*engine);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    const Completion& got = done.at(static_cast<RequestId>(i + 1));
    ASSERT_FALSE(got.error) << got.error->message;
    const auto session = windowed_session();
    expect_same(got.samples.at(0), generate(*session, *small_model().tokenizer, requests[i].prompt,
                                            requests[i].options));
  }
}

}  // namespace
}  // namespace lathe
