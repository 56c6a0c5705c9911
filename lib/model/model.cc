#include "lathe/model.h"

#include <new>
#include <string>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "model/loaded_model.h"

namespace lathe {

Model::~Model() = default;

LoadedModel::LoadedModel(std::shared_ptr<const Checkpoint> checkpoint, const LoraAdapter* adapter)
    : checkpoint_(std::move(checkpoint)),
      weights_(load_weights(*checkpoint_, adapter)),
      adapter_(adapter != nullptr ? adapter->fingerprint() : ""),
      rope_(checkpoint_->config().rope, checkpoint_->config().head_dim) {}

std::shared_ptr<const Model> Model::load(std::shared_ptr<const Checkpoint> checkpoint,
                                         std::shared_ptr<const LoraAdapter> adapter) {
  if (!checkpoint->has_model()) {
    fail_unsupported("{}: the file holds a vocabulary and no model", quoted(checkpoint->path()));
  }
  const std::string path = checkpoint->path();
  validate(checkpoint->config(), path);
  if (adapter != nullptr) adapter->check_fits(*checkpoint);
  try {
    return std::make_shared<const LoadedModel>(std::move(checkpoint), adapter.get());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "{}: out of memory while loading the model", quoted(path));
  }
}

}  // namespace lathe
