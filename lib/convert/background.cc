#include "convert/background.h"

#include <utility>

namespace lathe {

Background::Background() : thread_([this] { work(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Background::add(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    rethrow();
    waiting_.push_back(std::move(work));
    ++added_;
  }
  changed_.notify_all();
}

void Background::wait_for(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_ >= count; });
  rethrow();
}

void Background::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    {
      const std::function<void()> piece = std::move(waiting_.front());
      waiting_.pop_front();
      const bool skip = problem_ != nullptr;
      lock.unlock();
      std::exception_ptr problem;
      try {
        if (!skip) piece();
      } catch (...) {
        problem = std::current_exception();
      }
      lock.lock();
      if (problem) problem_ = problem;
    }
    ++done_;
    changed_.notify_all();
  }
}

void Background::rethrow() {
  if (problem_) std::rethrow_exception(problem_);
}

}  // namespace lathe
