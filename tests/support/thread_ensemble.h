// An ensemble (lathe/ensemble.h) whose processes are threads of this one.
#pragma once

#include <algorithm>
#include <barrier>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lathe/ensemble.h"

namespace lathe::test {

class ThreadEnsemble {
 public:
  explicit ThreadEnsemble(int size) : meeting_(std::make_shared<Meeting>(size)) {
    for (int rank = 1; rank < size; ++rank) {
      threads_.emplace_back([meeting = meeting_, rank] {
        Ensemble(std::make_unique<Transport>(meeting, rank)).follow();
      });
    }
    first_ = std::make_shared<Ensemble>(std::make_unique<Transport>(meeting_, 0));
  }
  // Models and sessions must be gone.
  ~ThreadEnsemble() {
    first_->end();
    for (std::thread& thread : threads_) thread.join();
  }
  ThreadEnsemble(const ThreadEnsemble&) = delete;
  ThreadEnsemble& operator=(const ThreadEnsemble&) = delete;

  const std::shared_ptr<Ensemble>& first() const noexcept { return first_; }

 private:
  struct Meeting {
    explicit Meeting(int n) : barrier(n), given(static_cast<std::size_t>(n)) {}
    std::barrier<> barrier;
    std::vector<std::span<std::byte>> given;
    // What was passed and not yet received, by sender and receiver.
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> passed;
  };

  class Transport final : public EnsembleTransport {
   public:
    Transport(std::shared_ptr<Meeting> meeting, int rank)
        : meeting_(std::move(meeting)), rank_(rank) {}

    int rank() const noexcept override { return rank_; }
    int size() const noexcept override { return static_cast<int>(meeting_->given.size()); }

    void broadcast(std::span<std::byte> bytes, bool) noexcept override {
      meet(bytes);
      const std::span<std::byte> from = meeting_->given[0];
      if (from.size() != bytes.size()) abort(70, "a broadcast of other sizes");
      if (rank_ != 0) std::copy(from.begin(), from.end(), bytes.begin());
      meeting_->barrier.arrive_and_wait();
    }

    void gather(std::span<std::byte> all, std::span<const std::int64_t> counts,
                bool first_only) noexcept override {
      meet(all);
      std::size_t at = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto count = static_cast<std::size_t>(counts[i]);
        if (meeting_->given[i].size() != all.size()) abort(70, "gathered in other sizes");
        if (static_cast<int>(i) != rank_ && (!first_only || rank_ == 0)) {
          std::copy_n(meeting_->given[i].begin() + static_cast<std::ptrdiff_t>(at), count,
                      all.begin() + static_cast<std::ptrdiff_t>(at));
        }
        at += count;
      }
      if (at != all.size()) abort(70, "parts that are not the whole");
      meeting_->barrier.arrive_and_wait();
    }

    void pass(std::span<std::byte> bytes, int from, int to) noexcept override {
      std::unique_lock lock(meeting_->mutex);
      auto& passed = meeting_->passed[{from, to}];
      if (rank_ == from) {
        passed.emplace_back(bytes.begin(), bytes.end());
        meeting_->changed.notify_all();
        return;
      }
      if (rank_ != to) abort(70, "what is passed between others");
      meeting_->changed.wait(lock, [&] { return !passed.empty(); });
      if (passed.front().size() != bytes.size()) abort(70, "passed in other sizes");
      std::copy(passed.front().begin(), passed.front().end(), bytes.begin());
      passed.pop_front();
    }

    [[noreturn]] void abort(int, const std::string& sentence) noexcept override {
      std::fprintf(stderr, "process %d: %s\n", rank_, sentence.c_str());
      std::abort();
    }

   private:
    void meet(std::span<std::byte> bytes) noexcept {
      meeting_->given[static_cast<std::size_t>(rank_)] = bytes;
      meeting_->barrier.arrive_and_wait();
    }

    std::shared_ptr<Meeting> meeting_;
    int rank_;
  };

  std::shared_ptr<Meeting> meeting_;
  std::vector<std::thread> threads_;
  std::shared_ptr<Ensemble> first_;
};

}  // namespace lathe::test
