#include "serve/http_server.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lathe/serve/api.h"

#include "common/fail.h"
#include "serve/connection_threads.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kRequestsPerConnection = 100000;

// In words that every client's library reads as a reason to come back later.
void turn_away(Connection& connection) {
  const std::string body = api_error("server_error", "too_many_connections",
                                     "as many callers as may be are connected; come back later");
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
  connection.httplib::Stream::write(text);
}

// A socket file that a server left when it was killed; not one where somebody listens.
void remove_stale_socket(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0 || !S_ISSOCK(about.st_mode)) return;
  if (!answers_at(path)) ::unlink(path.c_str());
}

}  // namespace

HttpServer::HttpServer(const HttpLimits& limits) : limits_(limits) {
  set_keep_alive_max_count(kRequestsPerConnection);
  set_keep_alive_timeout(limits.connection.idle.count());
  set_payload_max_length(limits.connection.body);
  set_tcp_nodelay(true);  // pieces of an answer are small, and wanted at once
  // The library's own options let a second server have the same port.
  set_socket_options([](socket_t descriptor) {
    const int yes = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  new_task_queue = [this] { return new ConnectionThreads(limits_.connections); };
}

std::string HttpServer::bind(const ListenAddress& address) {
  std::string where = bind_socket(address);
  // The library lets five callers wait to be taken, and resets what comes beyond them.
  ::listen(svr_sock_, SOMAXCONN);
  return where;
}

std::string HttpServer::bind_socket(const ListenAddress& address) {
  errno = 0;
  if (!address.path.empty()) {
    remove_stale_socket(address.path);
    set_address_family(AF_UNIX);
    // A socket's rights are those of who makes it: its owner's alone.
    const mode_t before = ::umask(0177);
    const bool bound = bind_to_port(address.path, 1);
    ::umask(before);
    if (!bound) {
      fail(ErrorCode::kIo, "--listen: cannot listen at unix:{}: {}", address.path,
           std::strerror(errno));
    }
    return "unix:" + address.path;
  }
  int port = address.port;
  bool bound = false;
  if (port == 0) {
    port = bind_to_any_port(address.host);
    bound = port > 0;
  } else {
    bound = bind_to_port(address.host, port);
  }
  if (!bound) {
    fail(ErrorCode::kIo, "--listen: cannot listen at {}:{}: {}", address.host, address.port,
         errno != 0 ? std::strerror(errno) : "there is no such address here");
  }
  const bool v6 = address.host.find(':') != std::string::npos;
  const std::string host = v6 ? fmt::format("[{}]", address.host) : address.host;
  return fmt::format("http://{}:{}", host, port);
}

void HttpServer::start() {
  const auto over = std::make_shared<std::atomic<bool>>(false);
  listener_ = std::thread([this, over] {
    listen_after_bind();
    over->store(true);
  });
  // stop() is nothing to a server that does not run yet.
  while (!is_running() && !over->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void HttpServer::end() {
  ending_.store(true);
  stop();
}

bool HttpServer::process_and_close_socket(socket_t descriptor) {
  using Welcome = ConnectionThreads::Welcome;
  const Welcome welcome = ConnectionThreads::welcome();
  if (welcome == Welcome::kClose) {
    ::close(descriptor);
    return false;
  }
  Connection connection(descriptor, limits_.connection);
  if (welcome == Welcome::kTurnAway) {
    turn_away(connection);
    return false;
  }
  return answer(connection);
}

bool HttpServer::answer(Connection& connection) {
  bool good = true;
  for (std::size_t left = kRequestsPerConnection; good && left > 0 && !connection.closes();
       --left) {
    if (!connection.wait_for_request([this] { return ending(); })) break;
    bool ended = false;
    good = process_request(connection, left == 1 || ending(), ended,
                           [&](httplib::Request&) { connection.begin_body(); }) &&
           !ended;
  }
  return good;
}

}  // namespace lathe::tool
