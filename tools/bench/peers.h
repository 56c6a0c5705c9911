// bench --interleave: other programs, measured in turn with ours.
//
// Errors: kIo (a command that fails), kInvalid (what it prints is no result, or none of ours),
// kLimit (time is up); each names the command.
#pragma once

#include <string>
#include <vector>

#include "lathe/bench/report.h"

#include "common/tool.h"

namespace lathe::tool {

class BenchPeers {
 public:
  // `tests` are the names of our own.
  BenchPeers(const Tool& tool, std::vector<std::string> commands, std::vector<std::string> tests,
             double timeout);

  bool empty() const noexcept { return peers_.empty(); }
  // Runs each command once. A run counts as one sample of each test, the median of what it
  // prints: samples of one run are more alike than those of several.
  void run();
  // The rows of all runs, with our rate over theirs.
  std::vector<BenchRow> rows(std::span<const BenchRow> ours) const;

 private:
  struct Peer {
    std::string command, name;
    std::vector<BenchRow> rows;
  };

  void run(Peer& peer);
  void add(Peer& peer, std::vector<BenchRow> rows, const ProcessUse& use) const;

  const Tool& tool_;
  std::vector<Peer> peers_;
  std::vector<std::string> tests_;
  double timeout_;
};

}  // namespace lathe::tool
