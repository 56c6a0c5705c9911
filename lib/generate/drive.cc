#include "generate/drive.h"

#include <chrono>
#include <vector>

#include "base/seconds.h"
#include "generate/drafted_positions.h"
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

}  // namespace

void drive(GenerationState& state, Session& session, SequenceId sequence, Speculator* speculator) {
  if (speculator == nullptr) {
    while (!state.finished()) step(state, session, sequence);
    return;
  }
  SequenceDraft draft(speculator->state());
  while (!state.finished()) {
    if (state.input().size() == 1) {
      step_with_draft(state, session, sequence, speculator->state(), draft);
    } else {
      step(state, session, sequence);
    }
  }
  speculator->state().keep(state.history());
}

}  // namespace lathe
