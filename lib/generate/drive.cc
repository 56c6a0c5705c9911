#include "generate/drive.h"

#include <algorithm>
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

std::int64_t ahead_room(const GenerationState& state) {
  return std::min(kMostAhead, state.draft_room());
}

void step(GenerationState& state, Session& session, SequenceId sequence) {
  const SequenceInput input{sequence, state.input(), false};
  state.accept(session.forward({&input, 1}));
}

// Returns how many tokens of the draft held.
std::size_t check(std::span<const TokenId> draft, GenerationState& state, Session& session,
                  SequenceId sequence, Speculator* speculator) {
  std::vector<TokenId> tokens(state.input().begin(), state.input().end());
  tokens.insert(tokens.end(), draft.begin(), draft.end());
  const SequenceInput input{sequence, tokens, true};
  const auto start = std::chrono::steady_clock::now();
  const std::span<const float> logits = session.forward({&input, 1});
  if (speculator != nullptr) speculator->state().note(std::ssize(tokens), seconds_since(start));
  DraftedPositions drafted(session, sequence, session.length(sequence) - std::ssize(draft));
  return state.accept_draft(logits, draft, [&] { drafted.hold(); });
}

void step_with_copy(GenerationState& state, Session& session, SequenceId sequence,
                    Speculator& speculator, SequenceDraft& draft) {
  draft.follow(state.history(), state.draft_room());
  SequenceDraft* const drafts[] = {&draft};
  speculator.state().plan(drafts);
  const std::size_t held = check(draft.tokens(), state, session, sequence, &speculator);
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
  std::optional<SequenceDraft> copy;
  // Bits of float models depend on what is computed beside them.
  const bool drafts = speculator != nullptr || session.model().batch_invariant();
  while (!state.finished()) {
    if (state.waits()) {
      judge(state, session, sequence);
      copy.reset();
      continue;
    }
    std::vector<TokenId> ahead;
    if (drafts && state.input().size() == 1) ahead = state.tokens_ahead(ahead_room(state));
    if (!ahead.empty()) {
      state.note_ahead(ahead.size(), check(ahead, state, session, sequence, speculator));
    } else if (speculator != nullptr && state.input().size() == 1) {
      if (!copy) copy.emplace(speculator->state());
      step_with_copy(state, session, sequence, *speculator, *copy);
    } else {
      step(state, session, sequence);
    }
    if (session.length(sequence) > state.computed()) {
      // The text has been shortened.
      state.skip(take_back(session, sequence, state.computed()));
      copy.reset();
    }
  }
  if (speculator != nullptr) speculator->state().keep(state.history());
}

}  // namespace lathe
