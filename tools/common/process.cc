#include "common/process.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
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
pid_t own_process = 0;
std::atomic<unsigned> seconds_to_stop{0};
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

// What asks for an end, in an orderly way where there is one.
constexpr int kRequests[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
// What ends a process that does not handle it: timers, limits, messages from anybody...
constexpr int kEnds[] = {SIGVTALRM, SIGPROF, SIGXCPU, SIGUSR1, SIGUSR2, SIGIO, SIGPWR, SIGSYS};
// ... and what a bug of ours raises, or whoever kills us with it.
constexpr int kCrashes[] = {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGTRAP};

[[noreturn]] void raise_default(int number) {
  std::signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // it is blocked while its handler runs
  ::_exit(128 + number);
}

// 0: free.
std::array<std::atomic<int>, 32> groups{};

// Not from a child that has not become its program yet: they are its parent's.
void remove_outputs() {
  if (::getpid() != own_process) return;
  for (const std::atomic<int>& group : groups) {
    if (group.load() > 0) ::kill(-group.load(), SIGKILL);
  }
  lathe::remove_temporary_outputs();
}

void end_by_signal(int number) {
  if (bar_is_drawn.load()) {
    const char newline = '\n';
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, &newline, 1);
  }
  remove_outputs();
  raise_default(number);
}

void note_request(int number) {
  if (stops_at_next_step.load() && requested_stop.exchange(number) == 0) {
    ::alarm(seconds_to_stop.load());
    return;
  }
  end_by_signal(number);
}

// The orderly end does not come: a write blocks, perhaps, on a pipe that nobody reads.
void end_by_alarm(int number) {
  const int requested = requested_stop.load();
  end_by_signal(requested != 0 ? requested : number);
}

void handle(int number, void (*handler)(int), int flags = 0) {
  struct sigaction old {};
  // Ignored (nohup), or somebody else's (a sanitizer's).
  if (::sigaction(number, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) return;
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

void say(const char* text) {
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text, std::strlen(text));
}

// A page of a mapped model could not be read: somebody cut the file, or the disk failed. That
// is an input error, not a crash; only async-signal-safe calls from here on.
void end_by_lost_page(int, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) end_by_signal(SIGBUS);  // a bug of ours
  if (bar_is_drawn.load()) say("\n");
  say(program_invocation_short_name);
  say(": error: the model file was cut short, or cannot be read, while it was in use\n");
  remove_outputs();
  ::_exit(4);
}

}  // namespace

void prepare_process() {
  own_process = ::getpid();
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int number : kRequests) handle(number, note_request);
  for (const int number : kEnds) handle(number, end_by_signal);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) handle(number, end_by_signal);
  // A stack that is full has no room for the handler.
  static std::array<std::byte, std::size_t{64} << 10> room;
  const stack_t other{.ss_sp = room.data(), .ss_flags = 0, .ss_size = room.size()};
  ::sigaltstack(&other, nullptr);
  for (const int number : kCrashes) handle(number, end_by_signal, SA_ONSTACK);
  handle(SIGALRM, end_by_alarm);
  struct sigaction lost_page {};
  lost_page.sa_sigaction = end_by_lost_page;
  lost_page.sa_flags = SA_SIGINFO;
  sigemptyset(&lost_page.sa_mask);
  ::sigaction(SIGBUS, &lost_page, nullptr);
}

void stop_at_next_step(unsigned seconds) {
  seconds_to_stop.store(seconds);
  stops_at_next_step.store(true);
}

void stop_at_once() { stops_at_next_step.store(false); }

int stop_signal() noexcept { return requested_stop.load(); }

void die_of_signal(int number) {
  remove_outputs();
  raise_default(number);
}

void end_group_with_us(int group) noexcept {
  for (std::atomic<int>& place : groups) {
    int free = 0;
    if (place.compare_exchange_strong(free, group)) return;
  }
}

void forget_group(int group) noexcept {
  for (std::atomic<int>& place : groups) {
    int expected = group;
    if (place.compare_exchange_strong(expected, 0)) return;
  }
}

void die_of_closed_pipe() { die_of_signal(SIGPIPE); }

void set_bar_is_drawn(bool drawn) noexcept { bar_is_drawn.store(drawn); }

}  // namespace lathe::tool
