// Who of several workers takes a request.
//
// Of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "workers/known_worker.h"
#include "workers/open_rows.h"

namespace lathe {

struct Place {
  std::size_t worker = 0;
  bool prompt = false;  // its prompt alone, but for the last token
};

class Placement {
 public:
  explicit Placement(const std::vector<KnownWorker>& workers) : workers_(workers) {}

  // Looks at who is there; before find().
  void look(std::size_t ahead);
  // Nothing where all who could take it are full.
  std::optional<Place> find(const OpenRow& row);
  // Who goes on from a prompt that another one computes.
  std::optional<std::size_t> writer(const OpenRow& row) const { return roomiest(false, row); }

 private:
  bool has(WorkerRole role) const noexcept { return present_[static_cast<std::size_t>(role)]; }
  std::optional<std::size_t> roomiest(bool prompt, const OpenRow& row) const;
  bool fits(const KnownWorker& worker, bool prompt, const OpenRow& row) const noexcept;

  const std::vector<KnownWorker>& workers_;
  bool present_[3] = {};
  bool prompts_may_come_ = false;
  std::unordered_map<std::uint64_t, std::size_t> beginnings_;  // who has texts that begin so
};

// Whether a request's prompt may be computed by another worker than writes its answers.
bool has_prompt_apart(const OpenRow& row);

// A hash of what texts are alike by.
std::uint64_t beginning_of(const std::vector<TokenId>& prompt);

// What a worker is asked that computes a prompt for others, in parts of so many tokens.
Request prompt_alone(const Request& request, std::int64_t part_tokens);

}  // namespace lathe
