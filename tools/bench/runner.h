// bench's own measurements: every model × threads × batch size × type of the KV cache × case, a
// row each.
//
// Errors: those of opening and running a model. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lathe/bench/machine.h"
#include "lathe/bench/report.h"
#include "lathe/lathe.h"

#include "common/tool.h"

namespace lathe::tool {

struct BenchPlan {
  std::vector<std::string> models;
  std::vector<std::string> shapes;  // of models with random weights
  std::string scheme;               // of those
  std::int64_t layers = 0;          // the first ones of those; 0: all
  std::vector<std::string> lora;    // adapters of all models
  std::string draft;                // writes what n_check cases check; empty: nothing does
  std::vector<BenchCase> cases;
  std::vector<BenchStart> starts;  // of the models
  std::vector<std::int64_t> threads, batches;
  std::vector<std::string> kv_types;  // names, see kv_type.h
  LoadOptions load;
  int repetitions = 0;
  bool warmup = true;
};

class BenchRunner {
 public:
  BenchRunner(const Tool& tool, BenchPlan plan);

  // The plan's starts. Before anything else: a model that is in use stays in the page cache.
  std::vector<BenchRow> first_tokens() const;
  // All cases. A single model stays loaded for the next call.
  std::vector<BenchRow> run(int repetitions);

 private:
  struct Loaded {
    std::string name;
    bool is_shape = false;
    std::shared_ptr<const Checkpoint> checkpoint;
    std::shared_ptr<const LoraAdapter> adapter;
    std::shared_ptr<const Model> model;
  };

  void load(const std::string& name, bool is_shape);
  // The smaller model, for the loaded one.
  void load_draft();
  const MachineLimits& limits(int threads);
  struct Setting {
    int threads = 0;
    std::int64_t batch = 0;
    std::string kv_type;
  };

  BenchRow row_for(const std::string& name, const Checkpoint& checkpoint,
                   const LoraAdapter* adapter, const Setting& setting) const;
  BenchSetting setting_of(const std::string& path, const Setting& setting) const;
  void run_setting(const Setting& setting, int repetitions, std::vector<BenchRow>& rows);
  void run_case(const BenchCase& test, Session& session, Session* draft,
                const SessionOptions& options, int repetitions, BenchRow& row) const;

  const Tool& tool_;
  BenchPlan plan_;
  Loaded loaded_;
  std::shared_ptr<const Model> draft_;   // of plan_.draft, fit for loaded_
  std::map<int, MachineLimits> limits_;  // by number of threads
};

// Adds the samples of a later run of the same plan.
void add_samples(std::vector<BenchRow>& rows, std::vector<BenchRow> more);

}  // namespace lathe::tool
