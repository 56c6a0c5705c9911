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
#include "workers/told_text.h"

namespace lathe {

struct OpenRow {
  Request request;
  std::uint64_t beginning = 0;             // a hash of its first tokens
  int deaths = 0;                          // workers that were left out over it
  std::optional<std::size_t> worker = {};  // who has it
  std::uint64_t ping = 0;                  // that worker's last ping before it was sent
  bool at_prompt = false;                  // that one computes its prompt
  bool apart = true;                       // its prompt may be computed by another
  ToldText told = {};                      // where its text is wanted in pieces
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
      row.request.beginning.reset();  // should it be lost there, it is computed again
    }
  }
  // Its prompt is computed; null: it has to be computed where the rest is.
  void end_prompt(RowId id, std::shared_ptr<const Beginning> beginning) {
    OpenRow& row = rows_.at(id);
    row.apart = beginning != nullptr;
    row.request.beginning = std::move(beginning);
    take_back(id);
    if (row.request.beginning != nullptr) ahead_.insert(id);
  }
  void take_back(RowId id) {
    OpenRow& row = rows_.at(id);
    row.worker.reset();
    row.at_prompt = false;
    ahead_.erase(id);
    waiting_.insert(id);
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
