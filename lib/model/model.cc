#include "lathe/model.h"

#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "model/copied_checkpoint.h"
#include "model/loaded_model.h"

namespace lathe {

Model::~Model() = default;

namespace {

template <typename Call>
void for_each_matrix(const Weights& weights, Call&& call) {
  call(*weights.embedding);
  if (weights.head != nullptr) call(*weights.head);
  for (const LayerWeights& layer : weights.layers) {
    for (const auto* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      call(**linear);
    }
  }
}

std::vector<std::span<const std::byte>> memory_of(const Weights& weights) {
  std::vector<std::span<const std::byte>> out;
  for_each_matrix(weights, [&](const Linear& linear) { out.push_back(linear.memory()); });
  return out;
}

}  // namespace

LoadedModel::LoadedModel(std::shared_ptr<const Checkpoint> checkpoint, const LoraAdapter* adapter,
                         const LoadOptions& options)
    : checkpoint_(std::move(checkpoint)),
      weights_(load_weights(*checkpoint_, adapter)),
      adapter_(adapter != nullptr ? adapter->fingerprint() : ""),
      rope_(checkpoint_->config().rope, checkpoint_->config().head_dim) {
  for_each_matrix(weights_, [&](const Linear& linear) {
    batch_invariant_ = batch_invariant_ && linear.batch_invariant();
  });
  if (options.lock) lock_.emplace(memory_of(weights_), quoted(checkpoint_->path()));
}

std::shared_ptr<const Model> Model::load(std::shared_ptr<const Checkpoint> checkpoint,
                                         std::shared_ptr<const LoraAdapter> adapter,
                                         const LoadOptions& options) {
  if (!checkpoint->has_model()) {
    fail_unsupported("{}: the file holds a vocabulary and no model", quoted(checkpoint->path()));
  }
  const std::string path = checkpoint->path();
  validate(checkpoint->config(), path);
  if (adapter != nullptr) adapter->check_fits(*checkpoint);
  try {
    if (options.in_memory) checkpoint = copy_to_memory(std::move(checkpoint));
    return std::make_shared<const LoadedModel>(std::move(checkpoint), adapter.get(), options);
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "{}: out of memory while loading the model", quoted(path));
  }
}

}  // namespace lathe
