// One caller's socket, as cpp-httplib reads and writes it, with the limits that it lacks: how many
// bytes a request's head may have, how long all of a request may take to arrive, and how long an
// answer may wait to be taken.
//
// Of one thread, which also runs the handlers of its requests: current() is theirs.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <httplib.h>
#include <string>
#include <string_view>

namespace lathe::tool {

struct ConnectionLimits {
  std::size_t head = std::size_t{64} << 10;  // bytes of a request line and headers
  std::size_t body = std::size_t{16} << 20;
  std::chrono::seconds request{30};  // from a request's first byte to its last
  std::chrono::seconds taken{30};    // that an answer may wait for its reader
  std::chrono::seconds idle{60};     // between requests
};

class Connection final : public httplib::Stream {
 public:
  Connection(int descriptor, const ConnectionLimits& limits);
  // Lets the peer read what was written: a socket that is closed while bytes of it wait unread
  // takes its answer back.
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The connection whose request this thread answers.
  static Connection& current() noexcept;

  // Waits for a request's first byte. False: none came, the peer is gone, or `ends` says so.
  template <typename Ends>
  bool wait_for_request(Ends&& ends) {
    const auto last = Clock::now() + limits_.idle;
    while (begin_ == end_) {
      if (ends()) return false;
      if (wait(kForReading, std::chrono::milliseconds(100))) {
        if (!fill()) return false;
      } else if (Clock::now() > last) {  // later than what came while this process stood still
        return false;
      }
    }
    begin_request();
    return true;
  }
  // What follows is the request's body.
  void begin_body() noexcept;

  // The head of the request that is being answered, as it came.
  std::string_view head() const noexcept { return head_; }

  // The peer has gone, or can't hear any more.
  bool closed() const noexcept;
  // No further request is read here.
  void close_after() noexcept { closes_ = true; }
  bool closes() const noexcept { return closes_; }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  int socket() const override { return descriptor_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr short kForReading = 1, kForWriting = 2;

  void begin_request() noexcept;
  bool wait(short what, std::chrono::milliseconds patience) const;
  bool fill();

  int descriptor_;
  const ConnectionLimits& limits_;
  std::array<char, 16384> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the buffer
  std::size_t left_ = 0;             // bytes that the request may still have
  std::string head_;
  bool in_head_ = false;
  Clock::time_point deadline_;
  bool closes_ = false;
};

}  // namespace lathe::tool
