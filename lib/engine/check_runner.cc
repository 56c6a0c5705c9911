#include "engine/check_runner.h"

#include <utility>

#include "base/seconds.h"
#include "generate/ask_judge.h"

namespace lathe {

struct CheckRunner::Task {
  std::shared_ptr<AnswerJudge> judge;
  CheckedText text;
  std::atomic<bool> given_up = false, answered = false;
  CheckVerdict verdict;
  double seconds = 0.0;
};

CheckRunner::Question::~Question() {
  if (task_ != nullptr) task_->given_up = true;
}

bool CheckRunner::Question::answered() const noexcept { return task_->answered; }

CheckVerdict CheckRunner::Question::take() { return std::move(task_->verdict); }

double CheckRunner::Question::seconds() const noexcept { return task_->seconds; }

CheckRunner::~CheckRunner() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& task : at_work_) task->given_up = true;
  }
  asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

CheckRunner::Question CheckRunner::ask(std::shared_ptr<AnswerJudge> judge, CheckedText text) {
  auto task = std::make_shared<Task>();
  task->judge = std::move(judge);
  task->text = std::move(text);
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(task);
    if (idle_ < tasks_.size() && threads_.size() < most_) {
      threads_.emplace_back([this] { work(); });
    }
  }
  asked_.notify_one();
  return Question(std::move(task));
}

void CheckRunner::wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  answered_.wait_for(lock, patience, [&] { return unseen_ > 0; });
  unseen_ = 0;
}

void CheckRunner::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    asked_.wait(lock, [&] { return closed_ || !tasks_.empty(); });
    --idle_;
    if (closed_) return;
    const std::shared_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    if (task->given_up) continue;
    at_work_.push_back(task);
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    task->verdict = ask_judge(*task->judge, task->text, task->given_up);
    task->seconds = seconds_since(start);
    task->answered = true;
    lock.lock();
    std::erase(at_work_, task);
    ++unseen_;
    answered_.notify_one();
  }
}

}  // namespace lathe
