#include "parallel/thread_pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "parallel/cpu_count.h"
#include "parallel/numa.h"
#include "parallel/shares.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than the gap between two steps of a token, shorter than what anybody would notice.
constexpr std::chrono::microseconds kSpin{30};
// After that the core is offered to others, for as long again; then the thread sleeps.
constexpr std::chrono::microseconds kYield{60};

inline void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits until done() without sleeping; false when patience ended first. `spin` is false where
// the thread that we wait for may need this very core.
template <typename Done>
bool wait_awake(bool spin, Done done) noexcept {
  // The first look at the clock is already worth a microsecond of pauses.
  for (int i = 0; spin && i < 32; ++i) {
    if (done()) return true;
    pause_briefly();
  }
  const Clock::time_point start = Clock::now();
  while (spin && Clock::now() - start < kSpin) {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  }
  do {
    if (done()) return true;
    std::this_thread::yield();
  } while (Clock::now() - start < kYield);
  return done();
}

// The pieces of one worker's share: [next, end).
struct alignas(64) Share {
  std::atomic<std::int64_t> next{0};
  std::int64_t end = 0;
};

// The last step that a worker has begun, or been left out of.
struct alignas(64) Place {
  std::atomic<std::uint64_t> epoch{0};

  // Takes the place in a step; false: it is taken already, by the worker or by the caller who
  // leaves him out, or the step is over.
  bool take(std::uint64_t step) noexcept {
    std::uint64_t last = epoch.load(std::memory_order_acquire);
    return last < step && epoch.compare_exchange_strong(last, step, std::memory_order_acq_rel);
  }
};

}  // namespace

struct ThreadPool::State {
  // A step is published by storing the task and then raising `epoch`; `running` counts the
  // workers that have neither finished it nor been left out. A worker reads the task only when it
  // has taken its place in the step, and the step ends when every place is taken.
  alignas(64) std::atomic<std::uint64_t> epoch{0};
  alignas(64) std::atomic<int> running{0};
  alignas(64) std::atomic<std::int64_t> next{0};
  std::vector<Share> shares;
  std::vector<Place> places;
  alignas(64) void (*call)(void*, int) = nullptr;
  void* body = nullptr;
  bool spin = true;
  std::atomic<bool> stopping{false};
  // Who sleeps says so under the mutex before looking a last time; who changes something
  // changes it before asking whether somebody sleeps. One of the two sees the other (all four
  // accesses are sequentially consistent).
  std::atomic<int> sleepers{0};
  std::atomic<bool> caller_sleeps{false};
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable finished;
  std::vector<std::thread> threads;

  std::uint64_t wait_for_epoch_after(std::uint64_t seen) {
    if (!wait_awake(spin, [&] { return epoch.load(std::memory_order_acquire) != seen; })) {
      std::unique_lock lock(mutex);
      sleepers.fetch_add(1);
      wake.wait(lock, [&] { return epoch.load() != seen; });
      sleepers.fetch_sub(1);
    }
    return epoch.load(std::memory_order_acquire);
  }

  void publish() {
    epoch.fetch_add(1);
    if (sleepers.load() > 0) {
      const std::lock_guard lock(mutex);
      wake.notify_all();
    }
  }

  void finish_one() {
    if (running.fetch_sub(1) == 1 && caller_sleeps.load()) {
      const std::lock_guard lock(mutex);
      finished.notify_one();
    }
  }

  void wait_for_all() {
    if (wait_awake(spin, [&] { return running.load(std::memory_order_acquire) == 0; })) return;
    std::unique_lock lock(mutex);
    caller_sleeps.store(true);
    finished.wait(lock, [&] { return running.load() == 0; });
    caller_sleeps.store(false);
  }

  // Who has not begun is not waited for.
  void leave_out() noexcept {
    const std::uint64_t step = epoch.load(std::memory_order_relaxed);
    for (std::size_t worker = 1; worker < places.size(); ++worker) {
      if (places[worker].take(step)) running.fetch_sub(1);
    }
  }

  void work(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      seen = wait_for_epoch_after(seen);
      if (stopping.load(std::memory_order_acquire)) return;
      if (!places[static_cast<std::size_t>(worker)].take(seen)) continue;
      call(body, worker);
      finish_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  state_->spin = threads <= available_cpus();
  state_->shares = std::vector<Share>(static_cast<std::size_t>(threads > 1 ? threads : 1));
  state_->places = std::vector<Place>(state_->shares.size());
  state_->threads.reserve(threads > 1 ? static_cast<std::size_t>(threads - 1) : 0);
  try {
    for (int worker = 1; worker < threads; ++worker) {
      state_->threads.emplace_back([state = state_.get(), worker, threads] {
        run_on_node_of(worker, threads);
        state->work(worker);
      });
    }
  } catch (...) {
    // The system gives no more threads: those that run must not be left behind.
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  state_->stopping.store(true, std::memory_order_release);
  state_->publish();
  for (std::thread& thread : state_->threads) thread.join();
}

int ThreadPool::size() const noexcept { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::run_erased(void (*call)(void*, int), void* body, Workers workers) noexcept {
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
  if (workers == Workers::kWhoCome) s.leave_out();
  s.wait_for_all();
}

void ThreadPool::reset_next() noexcept { state_->next.store(0, std::memory_order_relaxed); }

std::int64_t ThreadPool::take_next(std::int64_t grain) noexcept {
  return state_->next.fetch_add(grain, std::memory_order_relaxed);
}

void ThreadPool::reset_shares(std::int64_t pieces) noexcept {
  const int count = static_cast<int>(state_->shares.size());
  for (int i = 0; i < count; ++i) {
    const WorkRange own = own_work(pieces, i, count);
    Share& share = state_->shares[static_cast<std::size_t>(i)];
    share.next.store(own.first, std::memory_order_relaxed);
    share.end = own.last;
  }
}

ThreadPool::Pieces ThreadPool::take_from_share(int index) noexcept {
  Share& share = state_->shares[static_cast<std::size_t>(index)];
  std::int64_t first = share.next.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t left = share.end - first;
    if (left <= 0) return {first, first};
    const std::int64_t last = first + (left < 6 ? 1 : left / 3);
    if (share.next.compare_exchange_weak(first, last, std::memory_order_relaxed)) {
      return {first, last};
    }
  }
}

}  // namespace lathe
