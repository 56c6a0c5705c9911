// Requests that were not answered yet: who has them, and which wait for somebody.
//
// Of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "workers/message.h"

namespace lathe {

struct OpenRow {
  std::string request;          // as it is sent
  std::uint64_t beginning = 0;  // a hash of its first tokens
  int samples = 1;
  std::size_t continuations = 0;
  int deaths = 0;                          // workers that were left out over it
  std::optional<std::size_t> worker = {};  // who has it
  std::uint64_t ping = 0;                  // that worker's last ping before it was sent
};

class OpenRows {
 public:
  bool empty() const noexcept { return rows_.empty(); }
  std::size_t size() const noexcept { return rows_.size(); }
  void add(RowId id, OpenRow row) {
    waiting_.insert(id);
    rows_.emplace(id, std::move(row));
  }
  OpenRow* find(RowId id) {
    const auto at = rows_.find(id);
    return at == rows_.end() ? nullptr : &at->second;
  }
  // The oldest one that nobody has.
  std::optional<RowId> next() const {
    if (waiting_.empty()) return std::nullopt;
    return *waiting_.begin();
  }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  void give(RowId id, std::size_t worker, std::uint64_t ping) {
    waiting_.erase(id);
    OpenRow& row = rows_.at(id);
    row.worker = worker;
    row.ping = ping;
  }
  void take_back(RowId id) {
    rows_.at(id).worker.reset();
    waiting_.insert(id);
  }
  void erase(RowId id) {
    waiting_.erase(id);
    rows_.erase(id);
  }

 private:
  std::map<RowId, OpenRow> rows_;
  std::set<RowId> waiting_;
};

}  // namespace lathe
