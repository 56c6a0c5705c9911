// Constrained answers are those of choosing token by token, whatever is foreseen, drafted or
// computed beside them.
#include <gtest/gtest.h>

#include "lathe/constraint.h"
#include "lathe/speculation.h"

#include "generate/decode.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

std::shared_ptr<const AnswerConstraint> constraint_of(const std::shared_ptr<const Grammar>& grammar,
                                                      bool finish = false) {
  static const std::shared_ptr<const Vocabulary> vocabulary =
      make_vocabulary(*small_model().tokenizer);
  auto out = std::make_shared<AnswerConstraint>();
  out->constraint = Constraint::create(grammar, vocabulary);
  out->finish = finish;
  return out;
}

std::vector<std::shared_ptr<const Grammar>> grammars() {
  return {Grammar::json_schema(R"({"type":"object","properties":{"seen":{"type":"boolean"},
              "where":{"enum":["garden","mill"]},"days":{"type":"array","items":{"type":"integer",
              "minimum":1,"maximum":31},"maxItems":3}},"required":["seen","where","days"],
              "additionalProperties":false})",
                               "s"),
          Grammar::json_object(), Grammar::regex(" [a-z]{3,9}( and [a-z]{3,9}){2,4}"),
          Grammar::gbnf("root ::= \" the only thing that may be said, or \" (\"this\" | \"that\")",
                        "g")};
}

// Every token by itself, from the logits of a pass of its own.
Generation one_by_one(const Request& request) {
  const auto session = solo_session();
  GenerationState state(*small_model().tokenizer, small_model().model->config(), session->context(),
                        request.prompt, request.options);
  const SequenceId sequence = session->add();
  while (!state.finished()) {
    const SequenceInput input{sequence, state.input(), false};
    state.accept(session->forward({&input, 1}));
  }
  return state.take();
}

std::vector<Request> requests() {
  std::vector<Request> out;
  const auto all = grammars();
  for (std::uint32_t i = 0; i < 24; ++i) {
    Request request;
    request.prompt = village_prompt(i % 5, 6);
    request.options.max_tokens = 90;
    request.options.sampling.temperature = i % 3 == 0 ? 0 : 1.2;
    request.options.sampling.seed = i;
    if (i % 4 == 3) request.options.logprobs = 2;
    if (i % 5 == 4) request.options.stop = {"\"where\"", "and"};
    request.options.constraint = constraint_of(all[i % all.size()], i % 2 == 1);
    out.push_back(std::move(request));
  }
  return out;
}

TEST(Constrained, AnswersAreThoseOfEveryTokenByItself) {
  Speculator speculator;
  std::int64_t foreseen = 0;
  for (const Request& request : requests()) {
    const Generation want = one_by_one(request);
    EXPECT_EQ(want.foreseen, 0);
    for (Speculator* drafts : {static_cast<Speculator*>(nullptr), &speculator}) {
      const auto session = solo_session();
      const Generation got =
          generate(*session, *small_model().tokenizer, request.prompt, request.options, {}, drafts);
      expect_same(got, want);
      EXPECT_EQ(got.complete, want.complete);
      foreseen += got.foreseen;
    }
  }
  EXPECT_GT(foreseen, 0);
}

TEST(Constrained, AnswersOfABatchAreSoloOnes) {
  for (const bool drafts : {false, true}) {
    EngineOptions options;
    options.threads = 2;
    options.max_batch = 7;
    if (drafts) options.speculator = std::make_shared<Speculator>();
    const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
    std::vector<Request> all = requests();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i % 6 == 5) all[i].samples = 3;
      if (i % 7 == 6) all[i].options.constraint = nullptr;
      engine->submit(all[i]);
    }
    const auto done = run_all(*engine);
    for (std::size_t i = 0; i < all.size(); ++i) expect_solo(done.at(i + 1), all[i]);
  }
}

TEST(Constrained, AnswersAreCompleteWhereThereIsRoom) {
  for (std::int64_t tokens = 1; tokens < 70; ++tokens) {
    Request request;
    request.prompt = village_prompt(2, 5);
    request.options.max_tokens = tokens;
    request.options.sampling.temperature = 2;
    request.options.sampling.seed = static_cast<std::uint64_t>(tokens);
    const auto grammar = grammars().front();
    request.options.constraint = constraint_of(grammar, true);
    const auto session = solo_session();
    const Generation got =
        generate(*session, *small_model().tokenizer, request.prompt, request.options);
    EXPECT_EQ(got.complete, grammar->match(got.text).complete);
    EXPECT_LE(std::ssize(got.ids), tokens);
    EXPECT_EQ(got.reason, got.complete ? FinishReason::kStop : FinishReason::kLength) << tokens;
    EXPECT_TRUE(got.complete || tokens <= 40) << tokens;
  }
}

}  // namespace
}  // namespace lathe
