// Requests that were not answered yet: who has them, and which wait for somebody.
//
// Where there are workers for prompts, a request has two stages: first such a worker computes its
// prompt but for the last token, then one that writes answers goes on from there. How many are
// between the two is bounded by who counts them (ahead()): their keys and values are here.
//
// Of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "workers/message.h"
#include "workers/row_parts.h"
#include "workers/told_text.h"

namespace lathe {

// A worker that is to write an answer, chosen while its prompt is being computed.
struct NextWorker {
  std::size_t number = 0;
  std::uint64_t session = 0;  // of that worker: it is not the same one in another
  std::size_t sent = 0;       // parts
};

struct OpenRow {
  Request request;
  std::uint64_t beginning = 0;             // a hash of its first tokens
  int deaths = 0;                          // workers that were left out over it
  std::optional<std::size_t> worker = {};  // who has it
  std::uint64_t ping = 0;                  // that worker's last ping before it was sent
  bool at_prompt = false;                  // that one computes its prompt
  bool apart = true;                       // its prompt may be computed by another
  bool prompt_done = false;                // that has happened, and `parts` are all of it
  RowParts parts = {};                     // until who goes on from them has them
  std::optional<NextWorker> next = {};
  ToldText told = {};  // where its text is wanted in pieces
};

class OpenRows {
 public:
  bool empty() const noexcept { return rows_.empty(); }
  std::size_t size() const noexcept { return rows_.size(); }
  // Whose prompts are being computed, or are, while nobody has the whole.
  std::size_t ahead() const noexcept { return ahead_.size(); }
  // Those that nobody has, oldest first.
  const std::set<RowId>& waiting() const noexcept { return waiting_; }

  void add(RowId id, OpenRow row) {
    waiting_.insert(id);
    rows_.emplace(id, std::move(row));
  }
  OpenRow* find(RowId id) {
    const auto at = rows_.find(id);
    return at == rows_.end() ? nullptr : &at->second;
  }
  template <typename Look>
  void for_each(Look&& look) const {
    for (const auto& [id, row] : rows_) look(row);
  }
  void give(RowId id, std::size_t worker, std::uint64_t ping, bool prompt) {
    waiting_.erase(id);
    OpenRow& row = rows_.at(id);
    row.worker = worker;
    row.ping = ping;
    row.at_prompt = prompt;
    if (prompt) {
      ahead_.insert(id);
    } else {
      ahead_.erase(id);
    }
  }
  // Its prompt is computed; not good: it has to be computed where the rest is.
  void end_prompt(RowId id, bool good) {
    OpenRow& row = rows_.at(id);
    row.apart = row.prompt_done = good;
    take_back(id);
  }
  // Who goes on from its parts has them. Should it be lost there, all is computed again.
  void forget_prompt(RowId id) {
    OpenRow& row = rows_.at(id);
    row.parts = RowParts();
    row.prompt_done = false;
  }
  void take_back(RowId id) {
    OpenRow& row = rows_.at(id);
    row.worker.reset();
    row.at_prompt = false;
    waiting_.insert(id);
    if (row.prompt_done) {
      ahead_.insert(id);
    } else {
      row.parts = RowParts();
      ahead_.erase(id);
    }
  }
  void erase(RowId id) {
    waiting_.erase(id);
    ahead_.erase(id);
    rows_.erase(id);
  }

 private:
  std::map<RowId, OpenRow> rows_;
  std::set<RowId> waiting_, ahead_;
};

}  // namespace lathe
