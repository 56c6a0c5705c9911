#include "generate/drive.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/seconds.h"
#include "generate/ask_judge.h"
#include "generate/drafted_positions.h"
#include "generate/taken_back.h"
#include "speculate/speculator.h"

namespace lathe {
namespace {

void step(GenerationState& state, Session& session, SequenceId sequence) {
  const SequenceInput input{sequence, state.input(), false};
  state.accept(session.forward({&input, 1}));
}

void step_with_draft(GenerationState& state, Session& session, SequenceId sequence,
                     Speculator::State& speculator, SequenceDraft& draft) {
  draft.follow(state.history(), state.draft_room());
  SequenceDraft* const drafts[] = {&draft};
  speculator.plan(drafts);
  std::vector<TokenId> tokens(state.input().begin(), state.input().end());
  tokens.insert(tokens.end(), draft.tokens().begin(), draft.tokens().end());
  const SequenceInput input{sequence, tokens, true};
  const auto start = std::chrono::steady_clock::now();
  const std::span<const float> logits = session.forward({&input, 1});
  speculator.note(std::ssize(tokens), seconds_since(start));
  DraftedPositions drafted(session, sequence,
                           session.length(sequence) - std::ssize(draft.tokens()));
  const std::size_t held = state.accept_draft(logits, draft.tokens(), [&] { drafted.hold(); });
  draft.settle(static_cast<std::int64_t>(held));
}

void judge(GenerationState& state, Session& session, SequenceId sequence) {
  if (auto verdict = state.foregone()) {
    state.settle(*std::move(verdict), -1.0);
  } else {
    const auto start = std::chrono::steady_clock::now();
    const std::atomic<bool> given_up = false;
    verdict = ask_judge(*state.check().judge, state.question(), given_up);
    state.settle(*std::move(verdict), seconds_since(start));
  }
  state.skip(take_back(session, sequence, state.computed()));
}

}  // namespace

void drive(GenerationState& state, Session& session, SequenceId sequence, Speculator* speculator) {
  // What was taken back is nothing to copy from: it begins anew.
  std::optional<SequenceDraft> draft;
  while (!state.finished()) {
    if (state.waits()) {
      judge(state, session, sequence);
      draft.reset();
    } else if (speculator != nullptr && state.input().size() == 1) {
      if (!draft) draft.emplace(speculator->state());
      step_with_draft(state, session, sequence, speculator->state(), *draft);
    } else {
      step(state, session, sequence);
    }
  }
  if (speculator != nullptr) speculator->state().keep(state.history());
}

}  // namespace lathe
