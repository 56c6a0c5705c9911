#include "common/child_group.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "common/fail.h"
#include "common/process.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Pipe {
  PipeEnd read, write;
  explicit Pipe(bool wanted) {
    int ends[2];
    if (!wanted) return;
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
    }
    read = PipeEnd(ends[0]);
    write = PipeEnd(ends[1]);
  }
};

// Async-signal-safe calls only: other threads may hold any lock.
[[noreturn]] void become(const char* const* arguments, int input, int output, int errors,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // What this program ignores for its own sake.
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(input >= 0 ? input : nothing, STDIN_FILENO);
  ::dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  if (nothing > STDERR_FILENO) ::close(nothing);
  ::execv(arguments[0], const_cast<char* const*>(arguments));
  const char* why = std::strerror(errno);
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, why, std::strlen(why));
  ::_exit(127);
}

}  // namespace

PipeEnd& PipeEnd::operator=(PipeEnd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int PipeEnd::release() noexcept { return std::exchange(fd_, -1); }

void PipeEnd::close() noexcept {
  if (fd_ >= 0) ::close(release());
}

ChildGroup::ChildGroup(const std::vector<std::string>& arguments, Streams streams) {
  std::vector<const char*> words;
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  words.push_back(nullptr);
  Pipe to_input(streams.input), from_output(streams.output), from_errors(true);
  const pid_t parent = ::getpid();
  leader_ = ::fork();
  if (leader_ < 0) fail(ErrorCode::kIo, "cannot start a process: {}", std::strerror(errno));
  if (leader_ == 0) {
    become(words.data(), to_input.read.fd(), from_output.write.fd(), from_errors.write.fd(),
           parent);
  }
  ::setpgid(leader_, leader_);  // whoever comes first
  end_group_with_us(leader_);
  input = std::move(to_input.write);
  output = std::move(from_output.read);
  errors = std::move(from_errors.read);
  // Whoever writes looks first whether there is room.
  if (input.fd() >= 0) ::fcntl(input.fd(), F_SETFL, O_NONBLOCK);
}

bool ChildGroup::ended() {
  siginfo_t info{};
  // It stays a zombie, so that its number is nobody else's before the group is ended.
  if (!ended_ &&
      ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    ended_ = info.si_pid == leader_;
  return ended_;
}

void ChildGroup::end(double grace) {
  if (reaped_) return;
  if (grace > 0.0 && !ended()) {
    ::kill(-leader_, SIGTERM);
    const auto until = Clock::now() + std::chrono::duration<double>(grace);
    while (!ended() && Clock::now() < until) std::this_thread::sleep_for(10ms);
  }
  ::kill(-leader_, SIGKILL);  // what the leader left behind, too
  forget_group(leader_);
  while (::wait4(leader_, &status_, 0, &usage_) < 0 && errno == EINTR) {
  }
  ended_ = reaped_ = true;
}

}  // namespace lathe::tool
