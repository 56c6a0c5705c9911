// Running pieces of a long text on several threads, results in order.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

// Texts shorter than this are not worth waking a thread.
inline constexpr std::size_t kParallelBytes = std::size_t{1} << 16;

// Calls body(i) for i in [0, n) on up to `threads` threads (0: every core). The first
// exception of a body is thrown again here, after all have ended.
void parallel_tasks(std::size_t n, int threads, const std::function<void(std::size_t)>& body);

// Reusable scratch, one per call that is running.
template <typename T>
class ScratchPool {
 public:
  class Lease {
   public:
    Lease(ScratchPool& pool, std::unique_ptr<T> item) : pool_(pool), item_(std::move(item)) {}
    ~Lease() {
      if (item_ != nullptr) pool_.give_back(std::move(item_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    T& operator*() const noexcept { return *item_; }
    T* operator->() const noexcept { return item_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<T> item_;
  };

  Lease take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<T> item = std::move(free_.back());
        free_.pop_back();
        return {*this, std::move(item)};
      }
    }
    return {*this, std::make_unique<T>()};
  }

 private:
  void give_back(std::unique_ptr<T> item) noexcept {
    const std::lock_guard lock(mutex_);
    try {
      free_.push_back(std::move(item));
    } catch (...) {  // no memory to remember it: let it go
    }
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace lathe
