// Workers that answer the requests of a server's callers.
//
// Of one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "lathe/workers/pool.h"

namespace lathe::tool {

class WorkerRunner final : public RequestRunner {
 public:
  explicit WorkerRunner(std::unique_ptr<WorkerPool> pool) : pool_(std::move(pool)) {}

  RequestId submit(Request request) override { return pool_->submit(std::move(request)); }
  std::vector<Completion> step() override {
    if (pool_->idle()) std::this_thread::sleep_for(kRest);
    return pool_->step();
  }
  bool cancel(RequestId id) override { return pool_->cancel(id); }
  // Never: those who come and go are heard while nobody asks for anything, too.
  bool idle() const noexcept override { return false; }
  EngineStats stats() const noexcept override { return pool_->stats(); }

 private:
  // As long as a request may have to wait before it is seen.
  static constexpr std::chrono::milliseconds kRest{2};

  const std::unique_ptr<WorkerPool> pool_;
};

}  // namespace lathe::tool
