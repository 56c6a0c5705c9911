// Work in order, behind the caller's back: one thread that does one piece after the other.
//
// For one caller. What a piece throws comes out of the caller's next call but the destructor;
// pieces after it are passed over.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace lathe {

class Background {
 public:
  Background();
  // Waits for what is being done, and leaves the rest.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void add(std::function<void()> work);
  // How many pieces were added.
  std::uint64_t added() const noexcept { return added_; }
  // Until the first `count` pieces are done.
  void wait_for(std::uint64_t count);
  void wait() { wait_for(added_); }

 private:
  void work();
  void rethrow();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::uint64_t added_ = 0;
  std::uint64_t done_ = 0;
  bool stopping_ = false;
  std::exception_ptr problem_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace lathe
