// The first exception of several workers: a pool's bodies must not throw, so it waits here until
// all are done.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>

namespace lathe {

class FirstException {
 public:
  // Calls body(), unless one has failed already. From any thread.
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
  // When all are done.
  void rethrow() {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr exception_;
};

}  // namespace lathe
