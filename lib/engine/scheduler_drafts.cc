// What is drafted behind the tokens of those that decode. The rest of Scheduler is in scheduler.cc.
#include <algorithm>
#include <memory>
#include <vector>

#include "engine/scheduler.h"
#include "generate/drafted_positions.h"
#include "speculate/speculator.h"

namespace lathe {

void Scheduler::draft() {
  const bool all_decode = std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    return running_[part.lane].decodes();
  });
  if (parts_.empty() || !all_decode || !follow_drafts()) return;
  std::vector<SequenceDraft*> copies;
  for (const Part& part : parts_) {
    if (part.draft != nullptr) copies.push_back(part.draft);
  }
  if (!copies.empty()) options_.speculator->state().plan(copies);
  drafted_.resize(std::max(drafted_.size(), parts_.size()));
  std::size_t row = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    const std::span<const TokenId> behind = part.behind();
    drafted_[i].assign(inputs_[i].tokens.begin(), inputs_[i].tokens.end());
    drafted_[i].insert(drafted_[i].end(), behind.begin(), behind.end());
    inputs_[i].tokens = drafted_[i];
    inputs_[i].all_logits = true;
    part.row = row;
    part.rows = drafted_[i].size();
    row += part.rows;
    if (behind.empty()) part.draft = nullptr;
  }
}

bool Scheduler::follow_drafts() {
  std::int64_t spare = free_pages();
  for (const Part& part : parts_) {
    const Lane& lane = running_[part.lane];
    spare -= pages_for(lane.computed + 1) - pages_for(lane.computed) + (lane.shares_tail ? 1 : 0);
  }
  // Nobody gives way to a draft.
  const std::int64_t each = std::max<std::int64_t>(0, spare / std::ssize(parts_));
  bool any = false;
  for (Part& part : parts_) {
    const Lane& lane = running_[part.lane];
    const GenerationState& state = *lane.job->states[lane.index];
    const std::int64_t held = lane.computed + 1;
    const std::int64_t room =
        std::min((pages_for(held) + each) * page_tokens_ - held, state.draft_room());
    part.ahead = state.tokens_ahead(std::min(room, kMostAhead));
    any = any || !part.ahead.empty();
    if (!part.ahead.empty() || options_.speculator == nullptr) continue;
    std::unique_ptr<SequenceDraft>& draft = lane.job->drafts[lane.index];
    if (draft == nullptr) draft = std::make_unique<SequenceDraft>(options_.speculator->state());
    part.draft = draft.get();
    part.draft->follow(state.history(), room);
    any = true;
  }
  return any;
}

void Scheduler::choose_drafted(Lane& lane, const Part& part, std::span<const float> logits) {
  Job& job = *lane.job;
  GenerationState& state = *job.states[lane.index];
  std::size_t held = 0;
  {
    DraftedPositions drafted(*session_, lane.sequence, lane.computed);
    held = state.accept_draft(logits, part.behind(), [&] {
      drafted.hold();
      ++lane.computed;
      note_token(job);
    });
  }
  if (part.draft != nullptr) {
    part.draft->settle(static_cast<std::int64_t>(held));
  } else {
    state.note_ahead(part.ahead.size(), held);
  }
  note_token(job);
  if (state.finished()) retire(lane);
}

void Scheduler::offer(const Job& job) {
  for (std::size_t i = 0; i < job.states.size(); ++i) {
    const std::span<const TokenId> text = job.states[i]->history();
    // The prompt once.
    options_.speculator->state().keep(i == 0 ? text : text.subspan(job.request.prompt.size()));
  }
}

}  // namespace lathe
