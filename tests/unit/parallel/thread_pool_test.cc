#include "parallel/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <gtest/gtest.h>
#include <mutex>
#include <numeric>
#include <pthread.h>
#include <sched.h>
#include <thread>
#include <vector>

namespace lathe {
namespace {

TEST(ThreadPool, RunsEveryWorkerOnceManyTimes) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    std::vector<int> calls(static_cast<std::size_t>(threads));
    for (int step = 0; step < 2000; ++step) {
      pool.run([&](int worker) { ++calls[static_cast<std::size_t>(worker)]; });
    }
    for (const int n : calls) EXPECT_EQ(n, 2000);
  }
}

TEST(ThreadPool, CoversARangeExactlyOnceInAlignedPieces) {
  ThreadPool pool(3);
  for (const std::int64_t n : {0, 1, 15, 16, 17, 1000}) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
    pool.parallel_for(n, 16, [&](std::int64_t first, std::int64_t last) {
      EXPECT_EQ(first % 16, 0);
      EXPECT_LE(last - first, 16);
      for (std::int64_t i = first; i < last; ++i) ++seen[static_cast<std::size_t>(i)];
    });
    for (const auto& count : seen) EXPECT_EQ(count.load(), 1);
  }
}

TEST(ThreadPool, SharesCoverARangeExactlyOnceInAlignedPieces) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const std::int64_t n : {0, 1, 15, 16, 17, 40, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
      pool.parallel_shares(n, 16, [&](std::int64_t first, std::int64_t last) {
        EXPECT_EQ(first % 16, 0);
        EXPECT_TRUE(last % 16 == 0 || last == n);
        for (std::int64_t i = first; i < last; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      for (const auto& count : seen) EXPECT_EQ(count.load(), 1);
    }
  }
}

// So that nobody waits long for the last.
TEST(ThreadPool, RunsOfAShareBecomeShorter) {
  ThreadPool pool(2);
  std::vector<std::int64_t> lengths[2];  // of either share
  std::mutex mutex;
  pool.parallel_shares(200, 1, [&](std::int64_t first, std::int64_t last) {
    const std::lock_guard lock(mutex);
    lengths[first / 100].push_back(last - first);
  });
  for (std::vector<std::int64_t>& of_share : lengths) {
    std::sort(of_share.rbegin(), of_share.rend());
    EXPECT_EQ(of_share.front(), 33);
    EXPECT_EQ(of_share.back(), 1);
    EXPECT_LT(of_share.size(), 20U);
  }
}

// Worker 0 does nothing until all pieces but its present one are done: the others take them.
TEST(ThreadPool, WhoIsDoneWithItsShareTakesFromTheOthers) {
  ThreadPool pool(2);
  std::atomic<int> done{0};
  pool.parallel_shares(8, 1, [&](int worker, std::int64_t, std::int64_t) {
    while (worker == 0 && done.load() < 7) std::this_thread::yield();
    ++done;
  });
  EXPECT_EQ(done.load(), 8);
}

std::atomic<bool> held{false}, let_go{false};

// As another process does that has the worker's core. Pieces are done without it; what all workers
// must do waits for it.
TEST(ThreadPool, AWorkerThatDoesNotComeIsNotMissed) {
  struct sigaction hold {
  }, before{};
  hold.sa_handler = [](int) {
    held = true;
    while (!let_go) ::sched_yield();
    held = false;
  };
  sigemptyset(&hold.sa_mask);
  ASSERT_EQ(::sigaction(SIGUSR1, &hold, &before), 0);
  ThreadPool pool(2);
  pthread_t thread{};
  pool.run([&](int worker) {
    if (worker == 1) thread = ::pthread_self();
  });
  for (int round = 0; round < 3; ++round) {
    let_go = false;
    ASSERT_EQ(::pthread_kill(thread, SIGUSR1), 0);
    while (!held) std::this_thread::yield();
    std::vector<int> by_zero(100);
    pool.parallel_for(100, 1, [&](int worker, std::int64_t first, std::int64_t) {
      by_zero[static_cast<std::size_t>(first)] += worker == 0 ? 1 : 1000;
    });
    EXPECT_EQ(by_zero, std::vector<int>(100, 1));
    std::int64_t sum = 0;
    pool.parallel_shares(100, 1, [&](int worker, std::int64_t first, std::int64_t last) {
      sum += worker == 0 ? last - first : 1000;
    });
    EXPECT_EQ(sum, 100);
    EXPECT_TRUE(held);
    let_go = true;
    while (held) std::this_thread::yield();
    std::atomic<int> calls{0};
    pool.run([&](int) { ++calls; });
    EXPECT_EQ(calls, 2);
  }
  ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

}  // namespace
}  // namespace lathe
