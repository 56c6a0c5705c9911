// An engine's answers and an embedder's vectors, behind one door: each step of one is followed by
// one of the other, so that neither keeps the other waiting for long, nor cores from it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "lathe/embedding.h"
#include "lathe/engine.h"

#include "serve/engine_stats.h"

namespace lathe::tool {

class VectorEngine final : public RequestRunner {
 public:
  VectorEngine(std::unique_ptr<Engine> engine, std::unique_ptr<Embedder> embedder)
      : engine_(std::move(engine)), embedder_(std::move(embedder)) {}

  RequestId submit(Request request) override {
    const bool answers = request.samples > 0 || !request.continuations.empty();
    return !answers && !request.on_beginning ? 2 * embedder_->submit(std::move(request)) + 1
                                             : 2 * engine_->submit(std::move(request));
  }

  std::vector<Completion> step() override {
    std::vector<Completion> out = engine_->step();
    for (Completion& done : out) done.id *= 2;
    for (Completion& done : embedder_->step()) {
      done.id = 2 * done.id + 1;
      out.push_back(std::move(done));
    }
    return out;
  }

  bool cancel(RequestId id) override {
    return id % 2 == 1 ? embedder_->cancel(id / 2) : engine_->cancel(id / 2);
  }

  bool idle() const noexcept override { return engine_->idle() && embedder_->idle(); }

  EngineStats stats() const noexcept override {
    EngineStats out = engine_->stats();
    add(out, embedder_->stats());
    return out;
  }

 private:
  const std::unique_ptr<Engine> engine_;
  const std::unique_ptr<Embedder> embedder_;
};

}  // namespace lathe::tool
