#include "common/output.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lathe/host/terminal_text.h"

#include "common/fail.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 16;

void write_to_stdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {  // somebody gave us a non-blocking pipe
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (errno == EPIPE) throw ClosedPipe{};
    fail(ErrorCode::kIo, "standard output: cannot write: {}", std::strerror(errno));
  }
}

}  // namespace

std::size_t terminal_columns(int descriptor) noexcept {
  constexpr std::size_t kUsual = 80;
  constexpr std::size_t kLeast = 20;
  winsize size{};
  const bool says = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= kLeast;
  return says ? size.ws_col : kUsual;
}

bool writes_to_terminal() noexcept {
  return ::isatty(STDOUT_FILENO) == 1 && std::getenv("OMPI_COMM_WORLD_RANK") == nullptr &&
         std::getenv("PMI_RANK") == nullptr;
}

Output::Output(const std::string& path, bool force) {
  if (path != "-") file_ = std::make_unique<OutputFile>(path, force);
  terminal_ = !file_ && writes_to_terminal();
}

Output::~Output() = default;

std::size_t Output::columns() const noexcept {
  return terminal_ ? terminal_columns(STDOUT_FILENO) : 0;
}

void Output::write(std::string_view text) {
  if (file_) {
    file_->write(text);
  } else if (terminal_) {
    put(terminal_text(text));
  } else {
    put(text);
  }
}

void Output::put(std::string_view text) {
  if (buffer_.size() + text.size() > kBufferSize) flush();
  if (text.size() > kBufferSize) {
    write_to_stdout(text);
  } else {
    buffer_ += text;
  }
}

void Output::flush() {
  if (file_) return;
  // Emptied first: after an error the rest must not be tried again.
  std::string text;
  text.swap(buffer_);
  write_to_stdout(text);
}

void Output::finish() {
  if (file_) {
    file_->commit();
    file_.reset();
  } else {
    flush();
  }
}

}  // namespace lathe::tool
