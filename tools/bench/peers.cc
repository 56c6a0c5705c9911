#include "bench/peers.h"

#include <algorithm>
#include <utility>

#include "common/child_process.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

// The program's name: of the first word that says "bench", or else of the first word.
std::string short_name(const std::string& command) {
  std::string first;
  for (std::size_t at = 0; at < command.size();) {
    const std::size_t end = std::min(command.find_first_of(" \t\n;&|", at), command.size());
    const std::string word = command.substr(at, end - at);
    at = end + 1;
    const std::string name = word.substr(word.rfind('/') + 1);
    if (name.find("bench") != std::string::npos) return name;
    if (first.empty()) first = name;
  }
  return first.empty() ? "?" : first;
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 12;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    out += (i > 0 ? ", " : "") + escape_for_terminal(names[i]);
  }
  return names.size() > kShown ? fmt::format("{} and {} more", out, names.size() - kShown) : out;
}

std::vector<std::string> names_of(std::span<const BenchRow> rows) {
  std::vector<std::string> names;
  for (const BenchRow& row : rows) names.push_back(row.result.test.name());
  return names;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

BenchSample median_run(const BenchResult& result) {
  std::vector<double> prompt, gen;
  for (const BenchSample& sample : result.samples) {
    prompt.push_back(static_cast<double>(sample.prompt_ns));
    gen.push_back(static_cast<double>(sample.gen_ns));
  }
  BenchSample out;
  out.prompt_ns = static_cast<std::int64_t>(summarize(prompt).median);
  out.gen_ns = static_cast<std::int64_t>(summarize(gen).median);
  return out;
}

}  // namespace

BenchPeers::BenchPeers(const Tool& tool, std::vector<std::string> commands,
                       std::vector<std::string> tests, double timeout)
    : tool_(tool), tests_(std::move(tests)), timeout_(timeout) {
  for (std::string& command : commands) {
    const std::string name = short_name(command);
    const auto same = std::count_if(peers_.begin(), peers_.end(), [&](const Peer& other) {
      return short_name(other.command) == name;
    });
    peers_.push_back(
        {std::move(command), same > 0 ? fmt::format("{} {}", name, same + 1) : name, {}});
  }
}

void BenchPeers::run() {
  for (Peer& peer : peers_) run(peer);
}

void BenchPeers::run(Peer& peer) {
  ProgressBar bar(tool_, "bench");
  bar.update(0, 1, peer.name);
  ChildResult child;
  try {
    const UseMeter meter;
    child = run_child({"/bin/sh", "-c", peer.command}, {timeout_, tool_.common().verbose > 0});
    child.use.steal_share = meter.read().steal_share;
  } catch (const Error& error) {
    fail(error.code(), "{}: {}", lathe::quoted(peer.command), error.message());
  }
  bar.finish();
  if (!child.succeeded()) {
    fail(ErrorCode::kIo, "{}: {}", lathe::quoted(peer.command), child.ending());
  }
  if (child.output.find_first_not_of(" \t\r\n") == std::string::npos) {
    fail(ErrorCode::kInvalid, "{}: printed nothing; it must print JSON as llama-bench -o json does",
         lathe::quoted(peer.command));
  }
  add(peer, read_bench_rows(child.output, peer.command), child.use);
}

void BenchPeers::add(Peer& peer, std::vector<BenchRow> rows, const ProcessUse& use) const {
  const std::vector<std::string> names = names_of(rows);
  if (peer.rows.empty()) {
    if (std::none_of(names.begin(), names.end(),
                     [&](const std::string& name) { return holds(tests_, name); })) {
      fail(ErrorCode::kInvalid, "{}: no test is measured on both sides: there {}, here {}",
           lathe::quoted(peer.command), list_of(names), list_of(tests_));
    }
    std::vector<std::string> alone;
    for (const std::string& name : tests_) {
      if (!holds(names, name)) alone.push_back(name);
    }
    if (!alone.empty()) tool_.warn(fmt::format("{}: has no {}", peer.name, list_of(alone)));
  } else if (names != names_of(peer.rows)) {
    fail(ErrorCode::kInvalid, "{}: printed other tests than the first time: {}, then {}",
         lathe::quoted(peer.command), list_of(names_of(peer.rows)), list_of(names));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    BenchSample sample = median_run(rows[i].result);
    if (peer.rows.size() == i) {
      if (std::count(names.begin(), names.end(), names[i]) > 1) {
        fail(ErrorCode::kInvalid, "{}: has {} more than once: give it one setting of each test",
             lathe::quoted(peer.command), escape_for_terminal(names[i]));
      }
      rows[i].command = peer.command;
      rows[i].program = peer.name;
      rows[i].result.samples.clear();
      peer.rows.push_back(std::move(rows[i]));
    }
    peer.rows[i].result.samples.push_back(std::move(sample));
    // Faults are those of the whole program, so they say nothing of a test.
    ProcessUse sizes = use;
    sizes.minor_faults.reset();
    sizes.major_faults.reset();
    peer.rows[i].use.add(sizes);
  }
}

std::vector<BenchRow> BenchPeers::rows(std::span<const BenchRow> ours) const {
  std::vector<BenchRow> all;
  for (const Peer& peer : peers_) {
    for (BenchRow row : peer.rows) {
      for (const BenchRow& mine : ours) {
        if (mine.result.test.name() != row.result.test.name()) continue;
        row.ratio =
            compare_samples(mine.result.tokens_per_second(), row.result.tokens_per_second());
        break;
      }
      all.push_back(std::move(row));
    }
  }
  return all;
}

}  // namespace lathe::tool
