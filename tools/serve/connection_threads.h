// A thread for each connection, made when it comes. Beyond the limit a few more are there to turn
// callers away in words; what comes beyond those is closed without.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <httplib.h>
#include <mutex>

namespace lathe::tool {

class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(std::size_t most) : most_(most) {}

  void enqueue(std::function<void()> serve_connection) override;
  // Waits for all of them.
  void shutdown() override;

  // What the thread that serves a connection may do for it.
  enum class Welcome { kServe, kTurnAway, kClose };
  static Welcome welcome() noexcept;

 private:
  static constexpr std::size_t kTurningAway = 16;

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t here_ = 0;
};

}  // namespace lathe::tool
