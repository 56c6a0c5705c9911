#include "common/child_process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "common/child_group.h"
#include "common/fail.h"
#include "common/process.h"
#include "common/seconds.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kMaxOutput = std::size_t{64} << 20;
constexpr std::size_t kKeptErrors = std::size_t{8} << 10;
// Signals and the end of a child that keeps its pipes open are noticed within this.
constexpr int kPollMilliseconds = 100;
constexpr double kSecondsToEnd = 2;

// While it lives, a signal to this process is only noted, so that a group can be ended first.
class NotedSignals {
 public:
  NotedSignals() { stop_at_next_step(); }
  ~NotedSignals() { stop_at_once(); }
  NotedSignals(const NotedSignals&) = delete;
  NotedSignals& operator=(const NotedSignals&) = delete;
};

// Reads what is there; false at the end of the stream.
bool read_some(int fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

void keep_end(std::string& errors) {
  if (errors.size() > kKeptErrors) errors.erase(0, errors.size() - kKeptErrors);
}

void pass_on(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string_view last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text.substr(text.find_last_of("\r\n") + 1);
}

[[noreturn]] void fail_late(double timeout) {
  fail(ErrorCode::kLimit, "it did not end within {:g} s", timeout);
}

[[noreturn]] void fail_flood() {
  fail(ErrorCode::kLimit, "it printed more than {} bytes", kMaxOutput);
}

// Writes what there is room for; false when nothing more is to be written.
bool write_some(int fd, std::string_view& text) {
  const ssize_t n = ::write(fd, text.data(), text.size());
  if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  const bool full = n < 0 && (errno == EINTR || errno == EAGAIN);
  return !text.empty() && (n > 0 || full);
}

}  // namespace

std::string ChildResult::ending() const {
  std::string how = WIFSIGNALED(wait_status)
                        ? fmt::format("ended by signal {} ({})", WTERMSIG(wait_status),
                                      ::strsignal(WTERMSIG(wait_status)))
                        : fmt::format("exit status {}", WEXITSTATUS(wait_status));
  const std::string_view said = last_line(errors);
  return said.empty() ? how : fmt::format("{}: {}", how, escape_for_terminal(said));
}

ChildResult run_child(const std::vector<std::string>& arguments, const ChildOptions& options) {
  const NotedSignals noted;
  const auto start = Clock::now();
  ChildGroup group(arguments, {});
  ChildResult result;
  const auto seconds = [&] { return seconds_since(start); };
  std::array<pollfd, 2> streams = {pollfd{group.output.fd(), POLLIN, 0},
                                   pollfd{group.errors.fd(), POLLIN, 0}};
  for (bool last = false;;) {
    const int ready = ::poll(streams.data(), streams.size(), last ? 0 : kPollMilliseconds);
    if (stop_signal() != 0) {
      group.end(kSecondsToEnd);
      die_of_signal(stop_signal());
    }
    if (options.timeout > 0.0 && seconds() > options.timeout) {
      group.end(kSecondsToEnd);
      fail_late(options.timeout);
    }
    if (ready > 0 && streams[0].revents != 0) {
      if (result.output.empty()) result.first_byte_seconds = seconds();
      if (!read_some(streams[0].fd, result.output)) streams[0].fd = -1;
      if (result.output.size() > kMaxOutput) fail_flood();
    }
    if (ready > 0 && streams[1].revents != 0) {
      const std::size_t before = result.errors.size();
      if (!read_some(streams[1].fd, result.errors)) streams[1].fd = -1;
      if (options.pass_errors) pass_on(std::string_view(result.errors).substr(before));
      keep_end(result.errors);
    }
    // Processes that it left behind may keep the pipes open: when it has ended and nothing more
    // is there to read, that is all.
    if (last && ready <= 0) break;
    const bool closed = streams[0].fd < 0 && streams[1].fd < 0;
    if (closed && !group.ended()) std::this_thread::sleep_for(1ms);
    last = group.ended();
  }
  group.end();
  if (result.output.empty()) result.first_byte_seconds = 0.0;
  result.wait_status = group.status();
  result.use.peak_bytes = static_cast<std::uint64_t>(group.usage().ru_maxrss) * 1024;
  result.use.minor_faults = static_cast<std::uint64_t>(group.usage().ru_minflt);
  result.use.major_faults = static_cast<std::uint64_t>(group.usage().ru_majflt);
  return result;
}

ChildResult run_beside(const std::vector<std::string>& arguments, std::string_view input,
                       double timeout, const std::atomic<bool>& given_up) {
  const auto start = Clock::now();
  ChildGroup group(arguments, {.input = true, .output = false});
  ChildResult result;
  std::size_t printed = 0;
  if (input.empty()) group.input.close();
  for (bool last = false;;) {
    std::array<pollfd, 2> streams = {pollfd{group.input.fd(), POLLOUT, 0},
                                     pollfd{group.errors.fd(), POLLIN, 0}};
    const bool closed = streams[0].fd < 0 && streams[1].fd < 0;
    // Its end is noticed soon: whoever judges a line does not want to wait for the next look.
    const int patience = last ? 0 : closed ? 1 : kPollMilliseconds / 10;
    const int ready = ::poll(streams.data(), streams.size(), patience);
    if (given_up) break;
    if (seconds_since(start) > timeout) fail_late(timeout);
    if (ready > 0 && streams[0].revents != 0 && !write_some(streams[0].fd, input)) {
      group.input.close();
    }
    if (ready > 0 && streams[1].revents != 0) {
      const std::size_t before = result.errors.size();
      if (!read_some(streams[1].fd, result.errors)) group.errors.close();
      printed += result.errors.size() - before;
      if (printed > kMaxOutput) fail_flood();
      keep_end(result.errors);
    }
    if (last && (ready <= 0 || streams[1].revents == 0)) break;
    last = group.ended();
  }
  group.end();
  result.wait_status = group.status();
  return result;
}

}  // namespace lathe::tool
