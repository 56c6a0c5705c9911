// A pool of threads for steps that are microseconds long.
//
// Workers spin for a short while between steps (a fork and join costs about a microsecond),
// then sleep until the next run(). One run() at a time; run() inside run() is not allowed.
// The caller is worker 0, so ThreadPool(1) starts no thread and calls directly.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace lathe {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const noexcept;

  // Calls body(worker) once per worker in [0, size()); returns when all are done. The body
  // must not throw.
  template <typename Body>
  void run(Body&& body) noexcept {
    using Function = std::remove_reference_t<Body>;
    run_erased([](void* f, int worker) { (*static_cast<Function*>(f))(worker); },
               const_cast<void*>(static_cast<const void*>(&body)));
  }

  // Calls body(first, last) for consecutive pieces of [0, n), of at most `grain` each, handed
  // out to whichever worker is free. The pieces' borders are multiples of `grain`.
  template <typename Body>
  void parallel_for(std::int64_t n, std::int64_t grain, Body&& body) noexcept {
    if (n <= 0) return;
    if (n <= grain || size() == 1) {
      for (std::int64_t first = 0; first < n; first += grain) {
        body(first, first + grain < n ? first + grain : n);
      }
      return;
    }
    reset_next();
    run([&](int) {
      for (;;) {
        const std::int64_t first = take_next(grain);
        if (first >= n) return;
        body(first, first + grain < n ? first + grain : n);
      }
    });
  }

 private:
  void run_erased(void (*call)(void*, int), void* body) noexcept;
  void reset_next() noexcept;
  std::int64_t take_next(std::int64_t grain) noexcept;

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
