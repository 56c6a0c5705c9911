// A server's only model, whatever name a request has for it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "serve/models.h"

namespace lathe::tool {

class OneModel final : public Models {
 public:
  explicit OneModel(std::shared_ptr<ServedModel> model) : model_(std::move(model)) {}

  bool choose() const noexcept override { return false; }
  FoundModel find(const std::string&, const std::function<bool()>&) override {
    return {model_, 0, {}, {}};
  }
  ModelsState state() override {
    const ModelState only = {model_->name, model_->loaded, model_->context, true, model_->bytes, 1};
    return {{only}, 0, 0.0};
  }
  EngineStats stats() const override { return model_->service->stats(); }
  std::optional<Failure> failure() const override { return model_->service->failure(); }
  bool drain(std::chrono::milliseconds patience) override {
    return model_->service->drain(patience);
  }
  void cancel_all() override { model_->service->cancel_all(); }

 private:
  const std::shared_ptr<ServedModel> model_;
};

}  // namespace lathe::tool
