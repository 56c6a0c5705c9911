#include "common/process.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "lathe/host/output_file.h"

namespace lathe::tool {
namespace {

std::atomic<bool> bar_is_drawn{false};
std::atomic<bool> stops_at_next_step{false};
std::atomic<int> requested_stop{0};
constexpr unsigned kSecondsToStop = 10;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The wrong direction on purpose: using what the caller closed is an error. But nobody
    // needs to hear that the messages have nowhere to go.
    const int mode = fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY;
    if (::open("/dev/null", mode) != fd) std::_Exit(4);
  }
}

void end_by_signal(int number) {
  if (stops_at_next_step.load() && requested_stop.exchange(number) == 0) {
    ::alarm(kSecondsToStop);
    return;
  }
  if (bar_is_drawn.load()) {
    const char newline = '\n';
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, &newline, 1);
  }
  lathe::remove_temporary_outputs();
  std::signal(number, SIG_DFL);
  std::raise(number);  // the default action, once this handler returns
}

// The orderly end does not come: a write blocks, perhaps, on a pipe that nobody reads.
void end_by_alarm(int) { end_by_signal(requested_stop.load()); }

void say(const char* text) {
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text, std::strlen(text));
}

// A page of a mapped model could not be read: somebody cut the file, or the disk failed. That
// is an input error, not a crash; only async-signal-safe calls from here on.
void end_by_lost_page(int, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {
    std::signal(SIGBUS, SIG_DFL);  // a bug of ours: the instruction runs again and ends us
    return;
  }
  if (bar_is_drawn.load()) say("\n");
  say(program_invocation_short_name);
  say(": error: the model file was cut short, or cannot be read, while it was in use\n");
  lathe::remove_temporary_outputs();
  ::_exit(4);
}

}  // namespace

void prepare_process() {
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    if (::sigaction(number, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;  // nohup
    struct sigaction action {};
    action.sa_handler = end_by_signal;
    sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
  struct sigaction lost_page {};
  lost_page.sa_sigaction = end_by_lost_page;
  lost_page.sa_flags = SA_SIGINFO;
  sigemptyset(&lost_page.sa_mask);
  ::sigaction(SIGBUS, &lost_page, nullptr);
}

void stop_at_next_step() {
  std::signal(SIGALRM, end_by_alarm);
  stops_at_next_step.store(true);
}

void stop_at_once() { stops_at_next_step.store(false); }

int stop_signal() noexcept { return requested_stop.load(); }

void die_of_signal(int number) {
  lathe::remove_temporary_outputs();
  std::signal(number, SIG_DFL);
  std::raise(number);
  std::_Exit(128 + number);  // the signal is blocked
}

void die_of_closed_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  std::_Exit(128 + SIGPIPE);  // the signal is blocked
}

void set_bar_is_drawn(bool drawn) noexcept { bar_is_drawn.store(drawn); }

}  // namespace lathe::tool
