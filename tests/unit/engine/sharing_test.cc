// Beginnings that requests share, in memory and on disk: computed once, and the same answers.
#include <filesystem>
#include <gtest/gtest.h>

#include "lathe/engine.h"

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

std::unique_ptr<Engine> make_engine(EngineOptions options = {}) {
  options.threads = 2;
  return Engine::create(small_model().model, small_model().tokenizer, options);
}

// Requests that begin with the same `shared` tokens.
std::vector<Request> sharing_requests(std::size_t count, std::size_t shared) {
  std::vector<Request> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    Request request = some_request(i);
    request.samples = 1;
    request.prompt = village_prompt(11, 200);
    request.prompt.resize(shared);
    const auto tail = village_prompt(100 + i, 6);
    request.prompt.insert(request.prompt.end(), tail.begin() + 1, tail.end());
    out.push_back(std::move(request));
  }
  return out;
}

std::int64_t tail_tokens(const std::vector<Request>& requests, std::size_t shared) {
  std::int64_t out = 0;
  for (const Request& r : requests) out += static_cast<std::int64_t>(r.prompt.size() - shared);
  return out;
}

TEST(EngineSharing, ComputesTheSharedPartOnceEvenWhenAllComeTogether) {
  for (const std::size_t shared : {256U, 300U}) {
    const auto requests = sharing_requests(8, shared);
    const auto engine = make_engine({.max_batch = 8, .prefill_chunk = 50});
    for (const Request& request : requests) engine->submit(request);
    const auto done = run_all(*engine);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      expect_solo(done.at(i + 1), requests[i]);
      // A few tokens are sooner computed than waited for.
      const std::int64_t least = i == 0 ? 0 : static_cast<std::int64_t>(shared) - 16;
      EXPECT_GE(done.at(i + 1).cached_tokens, least);
    }
    EXPECT_LE(engine->stats().prefilled_tokens,
              static_cast<std::int64_t>(shared) + tail_tokens(requests, shared) + 7 * 16);
  }
}

TEST(EngineSharing, KeepsBeginningsAfterTheirRequestEnded) {
  const auto requests = sharing_requests(4, 300);
  const auto engine = make_engine();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    engine->submit(requests[i]);
    const auto done = run_all(*engine);
    expect_solo(done.at(i + 1), requests[i]);
    EXPECT_GE(done.at(i + 1).cached_tokens, i == 0 ? 0 : 300);
  }
  const auto alone = make_engine({.share_prefixes = false});
  for (const Request& request : requests) alone->submit(request);
  const auto done = run_all(*alone);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_solo(done.at(i + 1), requests[i]);
    EXPECT_EQ(done.at(i + 1).cached_tokens, 0);
  }
}

// A conversation that grows by a turn computes the new turn only.
TEST(EngineSharing, AConversationContinuedIsABeginning) {
  const auto engine = make_engine();
  Request request;
  request.prompt = village_prompt(1, 40);
  request.options.max_tokens = 20;
  request.options.ignore_eos = true;
  std::int64_t before = 0;  // tokens that were there at the end of the turn before
  for (RequestId turn = 1; turn <= 4; ++turn) {
    const std::int64_t computed = engine->stats().prefilled_tokens;
    engine->submit(request);
    const auto done = run_all(*engine);
    expect_solo(done.at(turn), request);
    const auto size = static_cast<std::int64_t>(request.prompt.size());
    EXPECT_EQ(done.at(turn).cached_tokens, before);
    EXPECT_EQ(engine->stats().prefilled_tokens - computed, size - before);
    before = size + 19;  // the last token was chosen, but never computed
    const std::vector<TokenId>& answer = done.at(turn).samples[0].ids;
    request.prompt.insert(request.prompt.end(), answer.begin(), answer.end());
    const auto more = village_prompt(50 + static_cast<std::uint32_t>(turn), 5);
    request.prompt.insert(request.prompt.end(), more.begin() + 1, more.end());
  }
}

TEST(EngineSharing, SamplesAndContinuationsShareTheirPrompt) {
  const auto engine = make_engine({.max_batch = 3, .prefill_chunk = 32});
  Request request;
  request.prompt = village_prompt(4, 60);
  request.samples = 7;
  request.options.sampling.temperature = 1.0;
  request.options.max_tokens = 30;
  for (int i = 0; i < 5; ++i) {
    const auto text = village_prompt(60 + static_cast<std::uint32_t>(i), 3);
    request.continuations.emplace_back(text.begin() + 1, text.end());
  }
  engine->submit(request);
  const auto done = run_all(*engine);
  expect_solo(done.at(1), request);
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  EXPECT_LT(engine->stats().prefilled_tokens, 2 * prompt);
}

TEST(EngineSharing, AnotherProcessFindsBeginningsOnDisk) {
  const test::TempFolder folder;
  const auto requests = sharing_requests(3, 300);
  EngineOptions options{.cache_dir = folder.file("cache")};
  {
    const auto first = make_engine(options);
    first->submit(requests[0]);
    expect_solo(run_all(*first).at(1), requests[0]);
    EXPECT_EQ(first->stats().disk_cached_tokens, 0);
  }
  {
    const auto second = make_engine(options);
    second->submit(requests[1]);
    const auto done = run_all(*second);
    expect_solo(done.at(1), requests[1]);
    EXPECT_EQ(second->stats().disk_cached_tokens, 300);
    EXPECT_EQ(done.at(1).cached_tokens, 300);
    EXPECT_EQ(second->stats().prefilled_tokens,
              static_cast<std::int64_t>(requests[1].prompt.size()) - 300);
  }
  // Damaged: warned of, computed again, and whole once more.
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (!entry.is_regular_file()) continue;
    std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
    ++files;
  }
  EXPECT_GE(files, 5U);
  std::vector<std::string> warnings;
  options.on_warning = [&](const std::string& warning) { warnings.push_back(warning); };
  const auto third = make_engine(options);
  third->submit(requests[2]);
  expect_solo(run_all(*third).at(1), requests[2]);
  EXPECT_EQ(third->stats().disk_cached_tokens, 0);
  EXPECT_GE(warnings.size(), 1U);
  warnings.clear();
  const auto fourth = make_engine(options);
  fourth->submit(requests[0]);
  expect_solo(run_all(*fourth).at(1), requests[0]);
  EXPECT_GE(fourth->stats().disk_cached_tokens, 300);
}

}  // namespace
}  // namespace lathe
