// A pool of threads for steps that are microseconds long.
//
// Workers spin for a short while between steps (a fork and join costs about a microsecond),
// then yield, then sleep until the next run(); so does the caller while it waits for the last
// worker. With more threads than cores nobody spins. Where work is handed out in pieces the caller
// waits only for those who have begun: a worker whose core another process holds is not missed.
// One run() at a time; run() inside run() is not allowed.
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
    run_erased(call_of<Function>, const_cast<void*>(static_cast<const void*>(&body)),
               Workers::kAll);
  }

  // Calls body(first, last), or body(worker, first, last), for consecutive pieces of [0, n),
  // of at most `grain` each, handed out to whichever worker is free. The pieces' borders are
  // multiples of `grain`.
  template <typename Body>
  void parallel_for(std::int64_t n, std::int64_t grain, Body&& body) noexcept {
    if (n <= 0) return;
    if (n <= grain || size() == 1) {
      for (std::int64_t first = 0; first < n; first += grain) {
        call_piece(body, 0, first, first + grain < n ? first + grain : n);
      }
      return;
    }
    reset_next();
    offer([&](int worker) {
      for (;;) {
        const std::int64_t first = take_next(grain);
        if (first >= n) return;
        call_piece(body, worker, first, first + grain < n ? first + grain : n);
      }
    });
  }

  // The same, but each worker takes the pieces of its own share of [0, n) in order, and those of
  // the others' shares only when it has done with that: what it reads is one stream of memory,
  // which processors fetch a quarter faster than every other piece of one. A body gets a third of
  // what is left of a share at a time, at least `grain`: long runs first, and at the end pieces so
  // short that nobody waits long for the last (Polychronopoulos & Kuck 1987).
  template <typename Body>
  void parallel_shares(std::int64_t n, std::int64_t grain, Body&& body) noexcept {
    if (n <= 0) return;
    if (n <= grain || size() == 1) return call_piece(body, 0, 0, n);
    reset_shares((n + grain - 1) / grain);
    offer([&](int worker) {
      for (int i = 0; i < size(); ++i) {
        const int share = (worker + i) % size();
        for (;;) {
          const Pieces pieces = take_from_share(share);
          if (pieces.first == pieces.last) break;
          const std::int64_t last = pieces.last * grain;
          call_piece(body, worker, pieces.first * grain, last < n ? last : n);
        }
      }
    });
  }

 private:
  template <typename Body>
  static void call_piece(Body& body, int worker, std::int64_t first, std::int64_t last) noexcept {
    if constexpr (std::is_invocable_v<Body&, int, std::int64_t, std::int64_t>) {
      body(worker, first, last);
    } else {
      body(first, last);
    }
  }

  template <typename Function>
  static void call_of(void* f, int worker) noexcept {
    (*static_cast<Function*>(f))(worker);
  }
  // As run(), for a body that returns when nothing is left to do: workers that have not begun by
  // the time it has returned for the caller are left out.
  template <typename Body>
  void offer(Body&& body) noexcept {
    using Function = std::remove_reference_t<Body>;
    run_erased(call_of<Function>, const_cast<void*>(static_cast<const void*>(&body)),
               Workers::kWhoCome);
  }

  enum class Workers { kAll, kWhoCome };
  void stop() noexcept;
  void run_erased(void (*call)(void*, int), void* body, Workers workers) noexcept;
  void reset_next() noexcept;
  std::int64_t take_next(std::int64_t grain) noexcept;
  void reset_shares(std::int64_t pieces) noexcept;
  struct Pieces {
    std::int64_t first, last;
  };
  Pieces take_from_share(int share) noexcept;  // none: nothing is left

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
