#include "serve/connection_threads.h"

#include <system_error>
#include <thread>
#include <utility>

namespace lathe::tool {
namespace {

thread_local ConnectionThreads::Welcome of_this_thread = ConnectionThreads::Welcome::kServe;

void serve_as(ConnectionThreads::Welcome welcome, const std::function<void()>& serve) {
  of_this_thread = welcome;
  serve();
}

}  // namespace

ConnectionThreads::Welcome ConnectionThreads::welcome() noexcept { return of_this_thread; }

void ConnectionThreads::enqueue(std::function<void()> serve_connection) {
  Welcome welcome = Welcome::kServe;
  {
    const std::lock_guard lock(mutex_);
    if (here_ >= most_) welcome = Welcome::kTurnAway;
    if (here_ >= most_ + kTurningAway) welcome = Welcome::kClose;
    if (welcome != Welcome::kClose) ++here_;
  }
  if (welcome == Welcome::kClose) return serve_as(welcome, serve_connection);
  try {
    std::thread([this, welcome, serve = serve_connection] {
      serve_as(welcome, serve);
      const std::lock_guard lock(mutex_);
      --here_;
      changed_.notify_all();
    }).detach();
  } catch (const std::system_error&) {  // no more threads
    {
      const std::lock_guard lock(mutex_);
      --here_;
    }
    serve_as(Welcome::kClose, serve_connection);
  }
}

void ConnectionThreads::shutdown() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return here_ == 0; });
}

}  // namespace lathe::tool
