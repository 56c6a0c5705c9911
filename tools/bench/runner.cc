#include "bench/runner.h"

#include <algorithm>
#include <chrono>
#include <fmt/chrono.h>
#include <iterator>
#include <utility>

#include "lathe/bench/limit.h"
#include "lathe/ensemble.h"
#include "lathe/host/numa.h"

#include "bench/first_token.h"
#include "bench/random_model.h"
#include "common/draft_model.h"
#include "common/kv_type.h"
#include "common/load_options.h"
#include "common/lora.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

std::string utc_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

// Positions that the KV cache must hold for the largest case, pages rounded up.
std::int64_t kv_positions(const std::vector<BenchCase>& cases) {
  std::int64_t most = 0;
  for (const BenchCase& c : cases) {
    if (c.batched()) continue;
    constexpr std::int64_t kRound = 256;
    const std::int64_t each = c.n_prompt + c.n_gen + c.n_check + c.n_depth;
    most = std::max(most, (each + kRound) * (c.sequences + 1));
  }
  return most;
}

std::unique_ptr<Engine> make_engine(const std::shared_ptr<const Model>& model,
                                    const BenchCase& test, const SessionOptions& session) {
  EngineOptions options;
  options.threads = session.threads;
  options.kv_type = session.kv_type;
  // Traffic as generate has it; equal sequences in phases of their own.
  if (!test.traffic) options.prefill_chunk = session.chunk;
  options.share_prefixes = test.n_depth > 0 || !test.traffic;
  if (!test.traffic) options.max_batch = test.sequences;
  return Engine::create(model, nullptr, options);
}

ModelCost cost_of(const Checkpoint& checkpoint, const LoraAdapter* adapter,
                  const KvTypeChoice& kv) {
  ModelCost cost = model_cost(checkpoint, kv.element_bytes);
  if (adapter != nullptr) add_cost(cost, *adapter);
  return cost;
}

}  // namespace

BenchRunner::BenchRunner(const Tool& tool, BenchPlan plan) : tool_(tool), plan_(std::move(plan)) {
  const auto positive = [](std::int64_t n) { return n >= 1 && n <= (1 << 30); };
  if (!std::all_of(plan_.threads.begin(), plan_.threads.end(), positive) ||
      !std::all_of(plan_.batches.begin(), plan_.batches.end(), positive)) {
    fail_usage("-t and -b must be at least 1");
  }
}

BenchRow BenchRunner::row_for(const std::string& name, const Checkpoint& checkpoint,
                              const LoraAdapter* adapter, const Setting& setting) const {
  const ModelCost cost = cost_of(checkpoint, adapter, kv_type_by_name(setting.kv_type));
  BenchRow row;
  row.setting.model_filename = name;
  row.setting.model_type = model_type_name(checkpoint, cost) + (adapter != nullptr ? " LoRA" : "");
  row.setting.model_size = cost.step_bytes + cost.expert_bytes;
  row.setting.token_bytes = cost.token_bytes();
  row.setting.model_n_params = cost.parameters;
  row.setting.n_threads = setting.threads;
  row.setting.n_processes = tool_.ensemble() != nullptr ? tool_.ensemble()->size() : 1;
  row.setting.n_batch = setting.batch;
  row.setting.type_kv = setting.kv_type;
  row.setting.isa = isa_name();
  row.setting.cpu_info = cpu_name();
  row.setting.test_time = utc_now();
  row.setting.version = version();
  row.setting.draft_filename = plan_.draft;
  return row;
}

// The model is closed again: pages that are mapped cannot be dropped for a cold start.
BenchSetting BenchRunner::setting_of(const std::string& path, const Setting& setting) const {
  const auto checkpoint = Checkpoint::open(path);
  const auto adapter = open_lora(tool_, plan_.lora, *checkpoint);
  return row_for(path, *checkpoint, adapter.get(), setting).setting;
}

std::vector<BenchRow> BenchRunner::first_tokens() const {
  std::vector<BenchRow> rows;
  if (plan_.starts.empty()) return rows;
  const auto measure = [&](const std::string& path, const Setting& setting) {
    const BenchSetting head = setting_of(path, setting);
    FirstTokenPlan first{
        path, plan_.starts, {"--kv-type", setting.kv_type}, setting.threads, plan_.repetitions};
    for (const std::string& spec : plan_.lora) {
      first.arguments.insert(first.arguments.end(), {"--lora", spec});
    }
    if (plan_.load.in_memory) first.arguments.push_back("--no-mmap");
    if (numa_mode() != NumaMode::kOff) {
      first.arguments.insert(first.arguments.end(), {"--numa", name_of(numa_mode())});
    }
    if (plan_.load.lock) first.arguments.push_back("--lock");
    for (BenchRow& row : measure_first_token(tool_, first)) {
      row.setting = head;
      rows.push_back(std::move(row));
    }
  };
  for (const std::string& path : plan_.models) {
    for (const std::int64_t threads : plan_.threads) {
      for (const std::string& kv_type : plan_.kv_types) {
        measure(path, {static_cast<int>(threads), plan_.batches.front(), kv_type});
      }
    }
  }
  return rows;
}

std::vector<BenchRow> BenchRunner::run(int repetitions) {
  std::vector<BenchRow> rows;
  if (plan_.cases.empty()) return rows;
  const auto measure = [&](const std::string& name, bool is_shape) {
    load(name, is_shape);
    for (const std::int64_t threads : plan_.threads) {
      for (const std::int64_t batch : plan_.batches) {
        for (const std::string& kv_type : plan_.kv_types) {
          run_setting({static_cast<int>(threads), batch, kv_type}, repetitions, rows);
        }
      }
    }
  };
  for (const std::string& path : plan_.models) measure(path, false);
  for (const std::string& shape : plan_.shapes) measure(shape, true);
  return rows;
}

void BenchRunner::load(const std::string& name, bool is_shape) {
  if (loaded_.model != nullptr && loaded_.name == name && loaded_.is_shape == is_shape) return;
  loaded_ = {};
  LoadOptions load = plan_.load;
  load.threads = static_cast<int>(plan_.threads.front());
  load.ensemble = tool_.ensemble();
  std::optional<TemporaryFolder> folder;
  const auto checkpoint =
      is_shape ? random_model(tool_, name, plan_.scheme, plan_.layers, load.threads, folder)
               : Checkpoint::open(name);
  const auto adapter = open_lora(tool_, plan_.lora, *checkpoint);
  loaded_ = {name, is_shape, checkpoint, adapter, Model::load(checkpoint, adapter, load)};
  if (!plan_.draft.empty()) load_draft();
}

// A shape has no tokens of its own: any draft does for its speed.
void BenchRunner::load_draft() {
  const auto tokenizer_files = loaded_.checkpoint->tokenizer_files();
  const auto checkpoint =
      tokenizer_files ? open_draft_checkpoint(plan_.draft, *Tokenizer::create(*tokenizer_files))
                      : Checkpoint::open(plan_.draft);
  LoadOptions load = plan_.load;
  load.threads = static_cast<int>(plan_.threads.front());
  draft_ = Model::load(checkpoint, nullptr, load);
}

const MachineLimits& BenchRunner::limits(int threads) {
  const auto known = limits_.find(threads);
  if (known != limits_.end()) return known->second;
  return limits_.emplace(threads, measure_machine(threads)).first->second;
}

void BenchRunner::run_setting(const Setting& setting, int repetitions,
                              std::vector<BenchRow>& rows) {
  const KvTypeChoice& kv = kv_type_by_name(setting.kv_type);
  const ModelCost cost = cost_of(*loaded_.checkpoint, loaded_.adapter.get(), kv);
  SessionOptions options;
  options.threads = setting.threads;
  options.kv_type = kv.type;
  options.chunk = setting.batch;
  options.max_tokens = kv_positions(plan_.cases);
  const auto session = Session::create(loaded_.model, options);
  std::unique_ptr<Session> draft;
  if (draft_ != nullptr) {
    SessionOptions small = options;
    small.kv_type = KvType::kF16;  // as generate has it
    draft = Session::create(draft_, small);
  }
  // What several processes could do together, nobody has measured.
  const bool together = tool_.ensemble() != nullptr;
  const MachineLimits& machine = together ? MachineLimits() : limits(setting.threads);
  for (const BenchCase& test : plan_.cases) {
    BenchRow row = row_for(loaded_.name, *loaded_.checkpoint, loaded_.adapter.get(), setting);
    run_case(test, *session, draft.get(), options, repetitions, row);
    if (!test.traffic && !together) {
      const BenchLimit limit = bench_limit(test, cost, machine);
      row.limit_ts = limit.tokens_per_second;
      row.limit_kind = limit.kind;
    }
    rows.push_back(std::move(row));
  }
}

void BenchRunner::run_case(const BenchCase& test, Session& session, Session* draft,
                           const SessionOptions& options, int repetitions, BenchRow& row) const {
  ProgressBar bar(tool_, "bench");
  const UseMeter meter;
  const int warmup = plan_.warmup ? 1 : 0;
  if (test.batched()) {
    const auto engine = make_engine(loaded_.model, test, options);
    row.result = run_engine_bench(*engine, test, repetitions, warmup, bar.callback());
  } else {
    row.result = run_bench(session, test, repetitions, warmup, bar.callback(), draft);
  }
  row.use = meter.read();
}

void add_samples(std::vector<BenchRow>& rows, std::vector<BenchRow> more) {
  if (rows.empty()) rows.resize(more.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].result.samples.empty()) {
      rows[i] = std::move(more[i]);
      continue;
    }
    std::move(more[i].result.samples.begin(), more[i].result.samples.end(),
              std::back_inserter(rows[i].result.samples));
    rows[i].use.add(more[i].use);
  }
}

}  // namespace lathe::tool
