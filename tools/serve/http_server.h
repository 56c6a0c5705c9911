// cpp-httplib's server with Connection's limits, that ends in an orderly way.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <httplib.h>
#include <string>
#include <thread>

#include "serve/connection.h"
#include "serve/listen_address.h"

namespace lathe::tool {

struct HttpLimits {
  ConnectionLimits connection;
  std::size_t connections = 256;
};

class HttpServer final : public httplib::Server {
 public:
  explicit HttpServer(const HttpLimits& limits);

  // Binds the address, and says where it listens: "http://127.0.0.1:8080". Throws kIo.
  std::string bind(const ListenAddress& address);
  // Takes callers from now on, on a thread of its own.
  void start();
  // From now on connections end when their request is answered, and none is taken.
  void end();
  // Waits for the last of them.
  void join() { listener_.join(); }
  bool ending() const noexcept { return ending_.load(); }

  // Answers the requests of one caller, on this thread. False: what came was no request.
  bool answer(Connection& connection);

 private:
  std::string bind_socket(const ListenAddress& address);
  bool process_and_close_socket(socket_t descriptor) override;

  const HttpLimits& limits_;
  std::atomic<bool> ending_{false};
  std::thread listener_;
};

}  // namespace lathe::tool
