#include "common/child_process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "common/fail.h"
#include "common/process.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kMaxOutput = std::size_t{64} << 20;
constexpr std::size_t kKeptErrors = std::size_t{8} << 10;
// Signals and the end of a child that keeps its pipes open are noticed within this.
constexpr int kPollMilliseconds = 100;
constexpr auto kTimeToEnd = 2s;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
    }
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(int which) {
    if (ends[which] >= 0) ::close(ends[which]);
    ends[which] = -1;
  }
};

// Async-signal-safe calls only: other threads may hold any lock.
[[noreturn]] void become(const char* const* arguments, const Pipe& output, const Pipe& errors,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // What this program ignores for its own sake.
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output.ends[1], STDOUT_FILENO);
  ::dup2(errors.ends[1], STDERR_FILENO);
  if (nothing > STDERR_FILENO) ::close(nothing);
  ::execv(arguments[0], const_cast<char* const*>(arguments));
  const char* why = std::strerror(errno);
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, why, std::strlen(why));
  ::_exit(127);
}

// The child's process group, ended with this object. While it lives, a signal to this process
// is only noted, so that the group can be ended first.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader) { stop_at_next_step(); }
  ~Group() {
    end();
    stop_at_once();
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // True when the leader has ended; then its status and what it took are known.
  bool ended() {
    if (!waited_) waited_ = ::wait4(leader_, &status_, WNOHANG, &usage_) == leader_;
    return waited_;
  }
  int status() const { return status_; }
  const rusage& usage() const { return usage_; }

  // Asks the group to end, and ends it after a while.
  void end() {
    if (!ended()) ::kill(-leader_, SIGTERM);
    for (const auto start = Clock::now(); !ended() && Clock::now() - start < kTimeToEnd;) {
      std::this_thread::sleep_for(10ms);
    }
    ::kill(-leader_, SIGKILL);  // what the leader left behind, too
    while (!ended()) std::this_thread::sleep_for(1ms);
  }

 private:
  pid_t leader_;
  bool waited_ = false;
  int status_ = 0;
  rusage usage_{};
};

// Reads what is there; false at the end of the stream.
bool read_some(int fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
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
  std::vector<const char*> words;
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  words.push_back(nullptr);
  Pipe output, errors;
  const pid_t parent = ::getpid();
  const auto start = Clock::now();
  const pid_t child = ::fork();
  if (child < 0) fail(ErrorCode::kIo, "cannot start a process: {}", std::strerror(errno));
  if (child == 0) become(words.data(), output, errors, parent);
  ::setpgid(child, child);  // whoever comes first
  Group group(child);
  output.close_end(1);
  errors.close_end(1);

  ChildResult result;
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::array<pollfd, 2> streams = {pollfd{output.ends[0], POLLIN, 0},
                                   pollfd{errors.ends[0], POLLIN, 0}};
  for (bool last = false;;) {
    const int ready = ::poll(streams.data(), streams.size(), last ? 0 : kPollMilliseconds);
    if (stop_signal() != 0) {
      group.end();
      die_of_signal(stop_signal());
    }
    if (options.timeout > 0.0 && seconds() > options.timeout) {
      fail(ErrorCode::kLimit, "it did not end within {:g} s", options.timeout);
    }
    if (ready > 0 && streams[0].revents != 0) {
      if (result.output.empty()) result.first_byte_seconds = seconds();
      if (!read_some(streams[0].fd, result.output)) streams[0].fd = -1;
      if (result.output.size() > kMaxOutput) {
        fail(ErrorCode::kLimit, "it printed more than {} bytes", kMaxOutput);
      }
    }
    if (ready > 0 && streams[1].revents != 0) {
      const std::size_t before = result.errors.size();
      if (!read_some(streams[1].fd, result.errors)) streams[1].fd = -1;
      if (options.pass_errors) pass_on(std::string_view(result.errors).substr(before));
      if (result.errors.size() > kKeptErrors) {
        result.errors.erase(0, result.errors.size() - kKeptErrors);
      }
    }
    // Processes that it left behind may keep the pipes open: when it has ended and nothing more
    // is there to read, that is all.
    if (last && ready <= 0) break;
    const bool closed = streams[0].fd < 0 && streams[1].fd < 0;
    if (closed && !group.ended()) std::this_thread::sleep_for(1ms);
    last = group.ended();
  }
  if (result.output.empty()) result.first_byte_seconds = 0.0;
  result.wait_status = group.status();
  result.use.peak_bytes = static_cast<std::uint64_t>(group.usage().ru_maxrss) * 1024;
  result.use.minor_faults = static_cast<std::uint64_t>(group.usage().ru_minflt);
  result.use.major_faults = static_cast<std::uint64_t>(group.usage().ru_majflt);
  return result;
}

}  // namespace lathe::tool
