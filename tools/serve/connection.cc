#include "serve/connection.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace lathe::tool {
namespace {

thread_local Connection* of_this_thread = nullptr;

// The end of a chunk and its length stand between its bytes; small ones have more of that.
constexpr std::size_t chunked(std::size_t body) { return 2 * body + (std::size_t{64} << 10); }

void split(const sockaddr_storage& address, std::string& ip, int& port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    port = ntohs(v6.sin6_port);
  } else {
    port = 0;
  }
  ip = text;
}

}  // namespace

Connection::Connection(int descriptor, const ConnectionLimits& limits)
    : descriptor_(descriptor), limits_(limits) {
  of_this_thread = this;
}

Connection::~Connection() {
  of_this_thread = nullptr;
  ::shutdown(descriptor_, SHUT_WR);
  // As much as the peer is likely to have sent before it reads; not for ever.
  const auto last = Clock::now() + std::chrono::seconds(1);
  std::size_t most = std::size_t{4} << 20;
  while (most > 0 && Clock::now() < last && wait(kForReading, std::chrono::milliseconds(100))) {
    const ssize_t n = ::recv(descriptor_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) break;
    most -= std::min(most, static_cast<std::size_t>(n));
  }
  ::close(descriptor_);
}

Connection& Connection::current() noexcept { return *of_this_thread; }

void Connection::begin_request() noexcept {
  left_ = limits_.head;
  head_.clear();
  in_head_ = true;
  deadline_ = Clock::now() + limits_.request;
}

void Connection::begin_body() noexcept {
  left_ = chunked(limits_.body);
  in_head_ = false;
}

bool Connection::wait(short what, std::chrono::milliseconds patience) const {
  pollfd about{.fd = descriptor_, .events = 0, .revents = 0};
  about.events = what == kForReading ? POLLIN : POLLOUT;
  return ::poll(&about, 1, static_cast<int>(std::max<std::int64_t>(0, patience.count()))) > 0;
}

bool Connection::closed() const noexcept {
  pollfd about{.fd = descriptor_, .events = POLLRDHUP, .revents = 0};
  return ::poll(&about, 1, 0) > 0 && (about.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool Connection::is_readable() const {
  return begin_ < end_ || wait(kForReading, std::chrono::milliseconds(0));
}

bool Connection::is_writable() const {
  return !closed() &&
         wait(kForWriting, std::chrono::duration_cast<std::chrono::milliseconds>(limits_.taken));
}

// False at the end, or where nothing is to be read.
bool Connection::fill() {
  const ssize_t n = ::recv(descriptor_, buffer_.data(), buffer_.size(), 0);
  if (n <= 0) return false;
  begin_ = 0;
  end_ = static_cast<std::size_t>(n);
  return true;
}

ssize_t Connection::read(char* to, std::size_t size) {
  using std::chrono::milliseconds;
  if (left_ == 0) {
    closes_ = true;
    return -1;
  }
  if (begin_ == end_) {
    const auto patience = std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now());
    if (!wait(kForReading, std::max(patience, milliseconds(0)))) {
      closes_ = true;
      return -1;
    }
    if (!fill()) return 0;
  }
  const std::size_t n = std::min({size, end_ - begin_, left_});
  std::memcpy(to, buffer_.data() + begin_, n);
  if (in_head_) head_.append(to, n);
  begin_ += n;
  left_ -= n;
  return static_cast<ssize_t>(n);
}

ssize_t Connection::write(const char* from, std::size_t size) {
  if (!wait(kForWriting, std::chrono::duration_cast<std::chrono::milliseconds>(limits_.taken))) {
    closes_ = true;
    return -1;
  }
  const ssize_t n = ::send(descriptor_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n < 0) closes_ = true;
  return n;
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    split(address, ip, port);
  }
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    split(address, ip, port);
  }
}

}  // namespace lathe::tool
