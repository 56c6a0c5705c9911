// Where the engine's thread leaves what a caller waits for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "lathe/serve/service.h"

namespace lathe {

class AnswerBox {
 public:
  // `on_end` is told when end() was called, `on_piece` after each put().
  explicit AnswerBox(std::function<void()> on_end = {}, std::function<void()> on_piece = {})
      : on_end_(std::move(on_end)), on_piece_(std::move(on_piece)) {}

  void put(AnswerPiece piece) {
    {
      const std::lock_guard lock(mutex_);
      // Whoever reads slowly gets more at once, not more pieces.
      std::vector<AnswerPiece>& pieces = news_.pieces;
      if (!pieces.empty() && pieces.back().sample == piece.sample &&
          pieces.back().reasoning == piece.reasoning) {
        pieces.back().text += piece.text;
      } else {
        pieces.push_back(std::move(piece));
      }
      changed_.notify_one();
    }
    if (on_piece_) on_piece_();
  }

  void end(Completion completion) {
    {
      const std::lock_guard lock(mutex_);
      news_.done = std::move(completion);
      changed_.notify_one();
    }
    if (on_end_) on_end_();
  }

  AnswerNews take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return !news_.pieces.empty() || news_.done; });
    return std::exchange(news_, {});
  }

  // Nobody waits any more.
  void abandon() noexcept { abandoned_.store(true); }
  bool abandoned() const noexcept { return abandoned_.load(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  AnswerNews news_;
  const std::function<void()> on_end_, on_piece_;
  std::atomic<bool> abandoned_{false};
};

}  // namespace lathe
