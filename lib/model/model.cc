#include "lathe/model.h"

#include <algorithm>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "lathe/host/cpu_count.h"

#include "base/escape.h"
#include "base/fail.h"
#include "model/copied_checkpoint.h"
#include "model/ensemble_calls.h"
#include "model/ensemble_orders.h"
#include "model/load_matrix.h"
#include "model/loaded_model.h"
#include "model/own_rows.h"
#include "model/place_weights.h"
#include "model/populate.h"
#include "parallel/numa.h"
#include "parallel/thread_pool.h"

namespace lathe {

namespace {

template <typename Call>
void for_each_matrix(const ExpertWeights& weights, Call&& call) {
  for (const auto* linear : {&weights.gate, &weights.up, &weights.down}) {
    if (*linear != nullptr) call(**linear);
  }
}

// In the order of a step. It reads all of each but of an embedding that is not the head: rows.
// Which experts it reads, nobody knows before.
template <typename Call>
void for_each_matrix_of_step(const Weights& weights, Call&& call) {
  for (const LayerWeights& layer : weights.layers) {
    for (const auto* linear : {&layer.q, &layer.k, &layer.v, &layer.o}) {
      if (*linear != nullptr) call(**linear);
    }
    for_each_matrix(layer.mlp, call);
    for_each_matrix(layer.mixture.shared, call);
  }
  call(weights.head != nullptr ? *weights.head : *weights.embedding);
}

template <typename Call>
void for_each_matrix(const Weights& weights, Call&& call) {
  for_each_matrix_of_step(weights, call);
  for (const LayerWeights& layer : weights.layers) {
    for (const ExpertWeights& expert : layer.mixture.experts) for_each_matrix(expert, call);
  }
  if (weights.head != nullptr) call(*weights.embedding);
}

std::vector<std::span<const std::byte>> memory_of(const Weights& weights) {
  std::vector<std::span<const std::byte>> out;
  for_each_matrix(weights, [&](const Linear& linear) {
    for (const auto piece : linear.memory()) out.push_back(piece);
  });
  return out;
}

// Other programs' matrices, which are packed when somebody asks for them: the largest first, so
// that nobody waits long for the last.
void pack_foreign(const Checkpoint& checkpoint, ThreadPool& pool) {
  std::vector<std::size_t> packed;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    if (is_packed_on_request(checkpoint, checkpoint.tensors()[i])) packed.push_back(i);
  }
  std::ranges::stable_sort(packed, std::greater(),
                           [&](std::size_t i) { return checkpoint.tensors()[i].bytes; });
  pool.parallel_for(std::ssize(packed), 1, [&](std::int64_t first, std::int64_t last) {
    for (; first < last; ++first) {
      checkpoint.bytes_in_place(packed[static_cast<std::size_t>(first)]);
    }
  });
}

// Empty where processes have rows, or there is one.
std::vector<Range> stages_of(const Checkpoint& checkpoint, const LoadOptions& options) {
  if (options.ensemble == nullptr || !options.ensemble->shares_layers()) return {};
  return layers_by_process(checkpoint, options.ensemble->size());
}

Share share_in(const LoadOptions& options, const std::vector<Range>& stages) {
  if (options.ensemble == nullptr) return {};
  const Member member = EnsembleCalls(*options.ensemble).member();
  if (stages.empty()) return {.rows = member};
  return {.layers = stages[static_cast<std::size_t>(member.rank)], .ends = member.rank == 0};
}

// Threads are started where there is something to share: most models are used where they lie.
Weights load_all(const Checkpoint& checkpoint, const LoraAdapter* adapter, int threads,
                 const Share& share) {
  const auto tensors = checkpoint.tensors();
  const bool shared = std::any_of(tensors.begin(), tensors.end(), [&](const TensorInfo& info) {
    return is_repacked(info) || is_packed_on_request(checkpoint, info);
  });
  ThreadPool pool(!shared ? 1 : threads > 0 ? threads : available_cpus());
  pack_foreign(checkpoint, pool);
  return load_weights(checkpoint, adapter, pool, share);
}

}  // namespace

LoadedModel::LoadedModel(std::shared_ptr<const Checkpoint> checkpoint, const LoraAdapter* adapter,
                         const LoadOptions& options)
    : checkpoint_(std::move(checkpoint)),
      ensemble_(options.ensemble),
      stages_(stages_of(*checkpoint_, options)),
      share_(share_in(options, stages_)),
      grain_(grain_of(*checkpoint_)),
      weights_(load_all(*checkpoint_, adapter, options.threads, share_)),
      adapter_(adapter != nullptr ? adapter->fingerprint() : "") {
  add_ropes();
  for_each_matrix(weights_, [&](const Linear& linear) {
    batch_invariant_ = batch_invariant_ && linear.batch_invariant();
  });
  place_weights(weights_, options.threads > 0 ? options.threads : available_cpus());
  if (options.lock) lock_.emplace(memory_of(weights_), quoted(checkpoint_->path()));
}

LoadedModel::~LoadedModel() {
  if (number_ == 0) return;
  const EnsembleCalls calls(*ensemble_);
  if (!calls.leads()) return;
  const auto turn = calls.turn();
  calls.send(unload_order(number_));
}

void LoadedModel::settle() noexcept {
  if (stages_.empty()) return;
  std::vector<std::byte> all(stages_.size());
  all[static_cast<std::size_t>(ensemble_->rank())] = std::byte{batch_invariant_};
  const std::vector<std::int64_t> ones(stages_.size(), 1);
  EnsembleCalls(*ensemble_).gather(all, ones, false);
  batch_invariant_ = std::ranges::find(all, std::byte{0}) == all.end();
}

void LoadedModel::add_ropes() {
  std::vector<const AttentionConfig*> kinds;
  for (const LayerConfig& layer : config().layers) {
    const AttentionConfig& a = layer.attention;
    const auto same = std::find_if(kinds.begin(), kinds.end(), [&](const AttentionConfig* kind) {
      return kind->rotary_dims == a.rotary_dims && kind->rope == a.rope;
    });
    rope_of_.push_back(static_cast<std::size_t>(same - kinds.begin()));
    if (same != kinds.end()) continue;
    kinds.push_back(&a);
    ropes_.emplace_back(a.rope, a.rotary_dims);
  }
}

void LoadedModel::fetch_weights(const std::function<bool()>& enough) const {
  bool more = true;
  for_each_matrix_of_step(weights_, [&](const Linear& linear) {
    for (const auto piece : linear.memory()) more = more && populate(piece, enough);
  });
}

Model::Model(std::unique_ptr<const LoadedModel> loaded) noexcept : loaded_(std::move(loaded)) {}

Model::~Model() = default;

const ModelConfig& Model::config() const noexcept { return loaded_->config(); }

std::uint64_t Model::parameters() const noexcept { return loaded_->weights().parameters; }

std::uint64_t Model::weight_bytes() const noexcept { return loaded_->weights().bytes; }

std::uint64_t Model::token_bytes() const noexcept {
  const Weights& weights = loaded_->weights();
  std::uint64_t bytes = 0;
  const auto add = [&](const Linear& linear) { bytes += linear.bytes(); };
  for_each_matrix_of_step(weights, add);
  for (std::size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const std::uint64_t before = std::exchange(bytes, 0);
    for (const ExpertWeights& expert : weights.layers[layer].mixture.experts) {
      for_each_matrix(expert, add);
    }
    const ExpertsConfig& experts = config().layers[layer].experts;
    if (experts.count > 0) {
      bytes = bytes * static_cast<std::uint64_t>(experts.used) /
              static_cast<std::uint64_t>(experts.count);
    }
    bytes += before + weights.layers[layer].mixture.router.size() * sizeof(float);
  }
  return bytes;
}

bool Model::batch_invariant() const noexcept { return loaded_->batch_invariant(); }

std::string Model::fingerprint() const { return loaded_->fingerprint(); }

void Model::fetch_weights(const std::function<bool()>& enough) const {
  loaded_->fetch_weights(enough);
}

Share share_of(const Checkpoint& checkpoint, const LoadOptions& options) {
  return share_in(options, stages_of(checkpoint, options));
}

const LoadedModel& loaded_of(const Model& model) noexcept { return *model.loaded_; }

std::shared_ptr<const Model> Model::load(std::shared_ptr<const Checkpoint> checkpoint,
                                         std::shared_ptr<const LoraAdapter> adapter,
                                         const LoadOptions& options) {
  if (!checkpoint->has_model()) {
    fail_unsupported("{}: the file holds a vocabulary and no model", quoted(checkpoint->path()));
  }
  const std::string path = checkpoint->path();
  if (adapter != nullptr) adapter = LoraAdapter::fit(std::move(adapter), *checkpoint);
  std::unique_ptr<LoadedModel> loaded;
  const auto load_here = [&] {
    try {
      std::shared_ptr<const Checkpoint> from = checkpoint;
      if (options.in_memory || numa_mode() != NumaMode::kOff) {
        const Share share = share_of(*from, options);
        from = copy_to_memory(std::move(from), share);
      }
      loaded = std::make_unique<LoadedModel>(std::move(from), adapter.get(), options);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::kLimit, "{}: out of memory while loading the model", quoted(path));
    }
  };
  if (options.ensemble == nullptr) {
    load_here();
  } else {
    const EnsembleCalls calls(*options.ensemble);
    const auto turn = calls.turn();
    const std::uint64_t number = calls.next_number();
    calls.send(load_order(number, *checkpoint, adapter.get(), options));
    calls.together(load_here);
    loaded->settle();
    loaded->set_number(number);
  }
  return std::shared_ptr<const Model>(new Model(std::move(loaded)));
}

}  // namespace lathe
