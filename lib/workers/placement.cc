#include "workers/placement.h"

#include <algorithm>

#include "lathe/host/records.h"

namespace lathe {
namespace {

// Tokens by which texts are taken to have the same beginning, and how many beginnings are known.
constexpr std::size_t kBeginning = 64;
constexpr std::size_t kMostBeginnings = 1 << 14;
// A prompt shorter than this is sooner computed than sent.
constexpr std::size_t kWorthSending = 32;

}  // namespace

std::uint64_t beginning_of(const std::vector<TokenId>& prompt) {
  const std::size_t count = std::min(kBeginning, prompt.size());
  return hash_parts({{reinterpret_cast<const char*>(prompt.data()), count * sizeof(TokenId)}});
}

bool has_prompt_apart(const OpenRow& row) {
  return row.apart && row.request.samples > 0 && row.request.prompt.size() >= kWorthSending;
}

Request prompt_alone(const Request& request, std::int64_t part_tokens) {
  Request out;
  out.prompt.assign(request.prompt.begin(), request.prompt.end() - 1);
  out.samples = 0;
  out.timeout = request.timeout;
  out.beginning_part = part_tokens;
  return out;
}

void Placement::look(std::size_t ahead) {
  std::fill(std::begin(present_), std::end(present_), false);
  std::int64_t writing = 0;
  for (const KnownWorker& worker : workers_) {
    if (worker.state != KnownWorker::State::kPresent) continue;
    present_[static_cast<std::size_t>(worker.role)] = true;
    if (worker.role != WorkerRole::kPrefill) writing += worker.places;
  }
  prompts_may_come_ = std::cmp_less(ahead, writing + writing / 2 + 1);
}

bool Placement::fits(const KnownWorker& worker, bool prompt, const OpenRow& row) const noexcept {
  if (worker.room() <= 0) return false;
  if (prompt) return worker.role == WorkerRole::kPrefill;
  // Where texts are scored, nothing is written.
  const bool scores = row.request.samples == 0;
  const WorkerRole own = scores ? WorkerRole::kPrefill : WorkerRole::kDecode;
  return worker.role == own || worker.role == WorkerRole::kBoth ||
         (!has(own) && !has(WorkerRole::kBoth));
}

std::optional<std::size_t> Placement::roomiest(bool prompt, const OpenRow& row) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!fits(workers_[i], prompt, row)) continue;
    if (!best || workers_[i].room() > workers_[*best].room()) best = i;
  }
  return best;
}

std::optional<Place> Placement::find(const OpenRow& row) {
  const bool apart = has(WorkerRole::kPrefill) &&
                     (has(WorkerRole::kDecode) || has(WorkerRole::kBoth)) && !row.prompt_done &&
                     has_prompt_apart(row);
  if (apart && !prompts_may_come_) return std::nullopt;
  const auto known = beginnings_.find(row.beginning);
  if (known != beginnings_.end() && fits(workers_[known->second], apart, row)) {
    return Place{known->second, apart};
  }
  const auto best = roomiest(apart, row);
  if (!best) return std::nullopt;
  if (beginnings_.size() >= kMostBeginnings) beginnings_.clear();
  beginnings_[row.beginning] = *best;
  return Place{*best, apart};
}

}  // namespace lathe
