#include "generate/command_judge.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "lathe/host/escape.h"

#include "common/child_process.h"
#include "common/fail.h"
#include "common/seconds.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = CheckVerdict::Kind;

constexpr int kTooEarly = 75;
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kKeptErrors = std::size_t{8} << 10;
constexpr int kPollMilliseconds = 10;

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// The line that says what is wrong: the first with an error in it, or else the last.
std::string telling_line(std::string_view errors) {
  std::string_view last;
  while (!errors.empty()) {
    const std::string_view line = next_line(errors);
    if (line.find("rror") != std::string_view::npos) return escape_for_terminal(line);
    if (line.find_first_not_of(" \t\r^~|") != std::string_view::npos) last = line;
  }
  return escape_for_terminal(last);
}

void replace_all(std::string& text, const std::string& what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

// A file of ours, gone with the object.
class CheckedFile {
 public:
  CheckedFile(std::string path, std::string_view text) : path_(std::move(path)) {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fail_here();
    const PipeEnd file(fd);
    while (!text.empty()) {
      const ssize_t n = ::write(fd, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_here();
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  ~CheckedFile() { std::remove(path_.c_str()); }
  CheckedFile(const CheckedFile&) = delete;
  CheckedFile& operator=(const CheckedFile&) = delete;

 private:
  [[noreturn]] void fail_here() const {
    fail(ErrorCode::kIo, "{}: the text to check cannot be written: {}", lathe::quoted(path_),
         std::strerror(errno));
  }
  std::string path_;
};

CheckVerdict verdict_of(const ChildResult& result, std::string said) {
  const int status = result.wait_status;
  if (WIFSIGNALED(status)) return {.message = fmt::format("the command was {}", result.ending())};
  const int code = WEXITSTATUS(status);
  if (code == 0) return {.kind = Kind::kAccepted};
  if (said.empty()) said = fmt::format("exit status {}", code);
  if (code == kTooEarly) return {.kind = Kind::kOpen, .message = std::move(said)};
  if (code == kCannotRun || code == kNotFound) {
    return {.kind = Kind::kBroken,
            .message = fmt::format("the check command cannot be run: {}", said)};
  }
  return {.message = std::move(said)};
}

}  // namespace

CommandJudge::CommandJudge(CheckCommand command, double timeout)
    : command_(std::move(command)), timeout_(timeout) {
  if (command_.wants_file()) folder_.emplace("lathe-check");
}

CheckVerdict CommandJudge::judge(const CheckedText& text, const std::atomic<bool>& given_up) {
  std::string name;
  std::optional<CheckedFile> file;
  if (folder_) {
    name = folder_->file(fmt::format("text{}", ++files_));
    file.emplace(name + command_.suffix(), text.text);
  }
  try {
    const std::string_view input = file ? std::string_view() : text.text;
    ChildResult result = run_beside(command_.arguments(name), input, timeout_, given_up);
    // The file has another name each time, and the same text should get the same answer.
    if (file) replace_all(result.errors, name, "{}");
    return verdict_of(result, telling_line(result.errors));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLimit) throw;
    return {.message = "the command did not say: " + error.message()};
  }
}

ServerJudge::ServerJudge(CheckCommand command, double timeout)
    : command_(std::move(command)), timeout_(timeout) {
  if (command_.wants_file()) {
    fail_usage(
        "--check-server: the text goes to the command's standard input, so {{}} (in a shell "
        "$1) has no place in --check-cmd");
  }
}

bool ServerJudge::take_line(std::string& line) {
  const std::size_t end = output_.find('\n');
  if (end == std::string::npos) return false;
  line = output_.substr(0, end);
  output_.erase(0, end + 1);
  return true;
}

// What it wrote to standard error before it ended.
void ServerJudge::hear_last_words() {
  std::array<char, 4096> buffer;
  pollfd stream{process_->errors.fd(), POLLIN, 0};
  while (::poll(&stream, 1, kPollMilliseconds) > 0) {
    const ssize_t n = ::read(stream.fd, buffer.data(), buffer.size());
    if (n <= 0) return;
    errors_.append(buffer.data(), static_cast<std::size_t>(n));
    if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
  }
}

ServerJudge::Reply ServerJudge::exchange(std::string_view question,
                                         const std::atomic<bool>& given_up, std::string& line) {
  const auto start = Clock::now();
  std::array<char, 65536> buffer;
  for (;;) {
    if (take_line(line)) return Reply::kLine;
    if (output_.size() > kLongestLine) return Reply::kFlood;
    if (given_up) return Reply::kGivenUp;
    if (seconds_since(start) > timeout_) return Reply::kLate;
    std::array<pollfd, 3> streams = {
        pollfd{question.empty() ? -1 : process_->input.fd(), POLLOUT, 0},
        pollfd{process_->output.fd(), POLLIN, 0}, pollfd{process_->errors.fd(), POLLIN, 0}};
    if (::poll(streams.data(), streams.size(), kPollMilliseconds) <= 0) continue;
    if (streams[0].revents != 0) {
      const ssize_t n = ::write(streams[0].fd, question.data(), question.size());
      if (n > 0) question.remove_prefix(static_cast<std::size_t>(n));
      // It may have answered before it closed its input: what it says counts.
      if (n < 0 && errno != EINTR && errno != EAGAIN) question = {};
    }
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
      if (streams[i].revents == 0) continue;
      const ssize_t n = ::read(streams[i].fd, buffer.data(), buffer.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0 && i == 1) {
        hear_last_words();
        return Reply::kEnded;
      }
      if (n <= 0) process_->errors.close();
      if (n > 0) (i == 1 ? output_ : errors_).append(buffer.data(), static_cast<std::size_t>(n));
    }
    if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
  }
}

CheckVerdict ServerJudge::judge(const CheckedText& text, const std::atomic<bool>& given_up) {
  const std::lock_guard lock(mutex_);
  if (process_ == nullptr) {
    process_ = std::make_unique<ChildGroup>(command_.arguments({}),
                                            ChildGroup::Streams{.input = true, .output = true});
    has_answered_ = false;
    output_.clear();
    errors_.clear();
  }
  std::string line, why;
  const std::uint64_t id = ++id_;
  switch (exchange(check_question(id, text), given_up, line)) {
    case Reply::kLine:
      try {
        CheckVerdict verdict = read_check_answer(line, id);
        has_answered_ = true;
        return verdict;
      } catch (const Error& error) {
        process_.reset();
        return {.kind = Kind::kBroken, .message = error.message()};
      }
    case Reply::kGivenUp:
      process_.reset();
      return {};
    case Reply::kFlood:
      process_.reset();
      return {.kind = Kind::kBroken,
              .message = fmt::format(
                  "the check server wrote more than {} bytes without a line's end", kLongestLine)};
    case Reply::kLate:
      why = fmt::format("the check server did not answer within {:g} s", timeout_);
      break;
    case Reply::kEnded: {
      const std::string said = telling_line(errors_);
      why = "the check server ended without an answer" + (said.empty() ? "" : ": " + said);
      break;
    }
  }
  process_.reset();
  return {.kind = has_answered_ ? Kind::kWrong : Kind::kBroken, .message = std::move(why)};
}

}  // namespace lathe::tool
