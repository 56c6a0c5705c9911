#include "parallel/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace lathe {
namespace {

// About 50 microseconds: longer than the gap between two steps of a token, shorter than a
// person's or a scheduler's patience.
constexpr int kSpins = 20000;

inline void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

struct ThreadPool::State {
  // A step is published by storing the task and then raising `epoch`; `running` counts the
  // workers that have not finished it.
  alignas(64) std::atomic<std::uint64_t> epoch{0};
  alignas(64) std::atomic<int> running{0};
  alignas(64) std::atomic<std::int64_t> next{0};
  void (*call)(void*, int) = nullptr;
  void* body = nullptr;
  std::atomic<bool> stopping{false};
  std::atomic<int> sleepers{0};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> threads;

  std::uint64_t wait_for_epoch_after(std::uint64_t seen) {
    for (int spin = 0; spin < kSpins; ++spin) {
      const std::uint64_t now = epoch.load(std::memory_order_acquire);
      if (now != seen) return now;
      pause_briefly();
    }
    std::unique_lock lock(mutex);
    sleepers.fetch_add(1);
    wake.wait(lock, [&] { return epoch.load() != seen; });
    sleepers.fetch_sub(1);
    return epoch.load(std::memory_order_acquire);
  }

  void publish() {
    epoch.fetch_add(1);
    // A worker announces itself under the mutex before it sleeps, and looks at the epoch
    // after that: either it sees the new epoch or we see the sleeper.
    if (sleepers.load() > 0) {
      const std::lock_guard lock(mutex);
      wake.notify_all();
    }
  }

  void work(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      seen = wait_for_epoch_after(seen);
      if (stopping.load(std::memory_order_acquire)) return;
      call(body, worker);
      running.fetch_sub(1, std::memory_order_release);
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  state_->threads.reserve(threads > 1 ? static_cast<std::size_t>(threads - 1) : 0);
  for (int worker = 1; worker < threads; ++worker) {
    state_->threads.emplace_back([state = state_.get(), worker] { state->work(worker); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->publish();
  for (std::thread& thread : state_->threads) thread.join();
}

int ThreadPool::size() const noexcept { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::run_erased(void (*call)(void*, int), void* body) noexcept {
  State& s = *state_;
  if (s.threads.empty()) {
    call(body, 0);
    return;
  }
  s.call = call;
  s.body = body;
  s.running.store(static_cast<int>(s.threads.size()), std::memory_order_relaxed);
  s.publish();
  call(body, 0);
  for (int spin = 0; s.running.load(std::memory_order_acquire) > 0; ++spin) {
    // On a machine with fewer cores than threads the last worker may need this core.
    if (spin > kSpins) std::this_thread::yield();
    pause_briefly();
  }
}

void ThreadPool::reset_next() noexcept { state_->next.store(0, std::memory_order_relaxed); }

std::int64_t ThreadPool::take_next(std::int64_t grain) noexcept {
  return state_->next.fetch_add(grain, std::memory_order_relaxed);
}

}  // namespace lathe
