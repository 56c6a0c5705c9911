#include "bench/first_token.h"

#include <cmath>
#include <filesystem>

#include "lathe/host/json_integer.h"

#include "bench/file_cache.h"
#include "common/child_process.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

constexpr const char* kPrompt = "Once upon a time";
constexpr double kTimeout = 3600.0;
// What is nearly all or nearly nothing of the files.
constexpr double kNearly = 0.01;

// generate of the same installation; its name has the prefix that ours has.
std::string generate_program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string name = self.filename().string();
  constexpr std::string_view kOwn = "bench";
  if (error || !name.ends_with(kOwn)) {
    fail(ErrorCode::kIo, "--first-token: cannot tell where this program lies");
  }
  name.replace(name.size() - kOwn.size(), kOwn.size(), "generate");
  const std::string path = self.parent_path() / name;
  if (!std::filesystem::exists(path, error)) {
    fail(ErrorCode::kIo, "--first-token: needs the program {}, which is not there",
         lathe::quoted(path));
  }
  return path;
}

class FirstToken {
 public:
  FirstToken(const Tool& tool, const FirstTokenPlan& plan)
      : tool_(tool), plan_(plan), files_(model_files(plan.model)) {
    command_ = {generate_program(),
                "-m",
                plan.model,
                "-p",
                kPrompt,
                "-n",
                "1",
                "--ignore-eos",
                "--json",
                "-t",
                fmt::format("{}", plan.threads)};
    command_.insert(command_.end(), plan.arguments.begin(), plan.arguments.end());
  }

  BenchRow measure(BenchStart start) {
    BenchRow row;
    row.result.test.start = start;
    row.result.test.n_gen = 1;
    const bool cold = start == BenchStart::kCold;
    ProgressBar bar(tool_, "bench");
    if (!cold) {
      run();
      read_into_cache(files_);  // what a run does not need, such as most of the embedding
    }
    for (int i = 0; i < plan_.repetitions; ++i) {
      bar.update(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(plan_.repetitions),
                 row.result.test.name());
      if (cold) drop_from_cache(files_);
      note_cached(row, cached_share(files_));
      const UseMeter meter;
      ChildResult child = run();
      child.use.steal_share = meter.read().steal_share;
      row.use.add(child.use);
      row.result.test.n_prompt = prompt_tokens(child.output);
      BenchSample sample;
      sample.gen_ns = std::llround(child.first_byte_seconds * 1e9);
      row.result.samples.push_back(std::move(sample));
    }
    bar.finish();
    const double wrong = cold ? *row.cached_share : 1.0 - *row.cached_share;
    if (wrong > kNearly) {
      tool_.warn(fmt::format("{}: {:.1f} % of the model's bytes {} the page cache before a run",
                             row.result.test.name(), 100.0 * wrong,
                             cold ? "stayed in" : "were not in"));
    }
    return row;
  }

 private:
  ChildResult run() const {
    ChildResult child = run_child(command_, {kTimeout, false});
    if (!child.succeeded()) {
      fail(ErrorCode::kIo, "--first-token: generate: {}", child.ending());
    }
    return child;
  }

  static void note_cached(BenchRow& row, double share) {
    const bool cold = *row.result.test.start == BenchStart::kCold;
    if (!row.cached_share || (cold ? share > *row.cached_share : share < *row.cached_share)) {
      row.cached_share = share;
    }
  }

  static std::int64_t prompt_tokens(const std::string& output) {
    return json_integer(output, "prompt_tokens").value_or(0);
  }

  const Tool& tool_;
  const FirstTokenPlan& plan_;
  std::vector<std::string> files_;
  std::vector<std::string> command_;
};

}  // namespace

std::vector<BenchRow> measure_first_token(const Tool& tool, const FirstTokenPlan& plan) {
  FirstToken first(tool, plan);
  std::vector<BenchRow> rows;
  for (const BenchStart start : plan.starts) rows.push_back(first.measure(start));
  return rows;
}

}  // namespace lathe::tool
