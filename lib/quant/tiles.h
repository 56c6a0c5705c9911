// Sharing the tiles of a matrix among threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#include "parallel/thread_pool.h"

namespace lathe {

// The pool's bodies must not throw: the first exception waits here until all are done.
class FirstException {
 public:
  template <typename Body>
  void guard(Body&& body) noexcept {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failed_.exchange(true)) exception_ = std::current_exception();
    }
  }
  void rethrow() {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr exception_;
};

// Calls body(worker, tile) for the tiles [first, end), in no order; rethrows.
template <typename Body>
void for_tiles(ThreadPool& pool, std::int64_t first, std::int64_t end, Body&& body) {
  FirstException problem;
  std::atomic<std::int64_t> next{first};
  pool.run([&](int worker) {
    problem.guard([&] {
      for (std::int64_t t = next.fetch_add(1); t < end; t = next.fetch_add(1)) body(worker, t);
    });
  });
  problem.rethrow();
}

}  // namespace lathe
