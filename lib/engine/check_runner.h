// Threads that ask judges, so that an engine goes on with other answers meanwhile.
//
// ask() belongs to the engine's thread, as do the questions; judges are called by threads of the
// runner. A question that nobody holds any more is given up.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "lathe/answer_check.h"

namespace lathe {

class CheckRunner {
 public:
  // At most so many judge at once.
  explicit CheckRunner(std::size_t threads) : most_(threads) {}
  ~CheckRunner();
  CheckRunner(const CheckRunner&) = delete;
  CheckRunner& operator=(const CheckRunner&) = delete;

  struct Task;

  // A question under way.
  class Question {
   public:
    explicit Question(std::shared_ptr<Task> task) : task_(std::move(task)) {}
    ~Question();
    Question(Question&&) noexcept = default;
    Question& operator=(Question&&) = delete;

    bool answered() const noexcept;
    // Once, when it is.
    CheckVerdict take();
    double seconds() const noexcept;  // that the judge took

   private:
    std::shared_ptr<Task> task_;
  };

  Question ask(std::shared_ptr<AnswerJudge> judge, CheckedText text);
  // Waits for an answer to any question, or for so long.
  void wait(std::chrono::milliseconds patience);

 private:
  void work();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable asked_, answered_;
  std::deque<std::shared_ptr<Task>> tasks_;  // that wait for a thread
  std::vector<std::shared_ptr<Task>> at_work_;
  std::size_t idle_ = 0;    // threads that wait for tasks
  std::size_t unseen_ = 0;  // answers since the last wait()
  bool closed_ = false;
  std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace lathe
