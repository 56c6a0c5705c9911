#include "common/progress_bar.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <unistd.h>

#include "common/output.h"
#include "common/process.h"
#include "common/tool.h"

namespace lathe::tool {
namespace {

constexpr double kSecondsBeforeFirst = 1.0;
constexpr double kSecondsBetween = 0.1;

bool stderr_is_a_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

void to_stderr(std::string_view text) {
  // A bar that cannot be shown is no reason to stop.
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string amount(double value, ProgressBar::Unit unit) {
  constexpr std::string_view kBytes[] = {"B", "kB", "MB", "GB", "TB"};
  constexpr std::string_view kCount[] = {"", "k", "M", "G", "T"};
  std::size_t step = 0;
  while (value >= 999.5 && step < 4) {
    value /= 1000;
    ++step;
  }
  const int digits = step > 0 && value < 9.95 ? 1 : 0;
  return unit == ProgressBar::Unit::kBytes ? fmt::format("{:.{}f} {}", value, digits, kBytes[step])
                                           : fmt::format("{:.{}f}{}", value, digits, kCount[step]);
}

// Work of large pieces is less than one a second.
std::string rate_text(double rate, ProgressBar::Unit unit) {
  return rate < 9.95 ? fmt::format("{:.2g}", rate) + (unit == ProgressBar::Unit::kBytes ? " B" : "")
                     : amount(rate, unit);
}

std::string clock_time(double seconds) {
  const auto s = static_cast<std::int64_t>(std::ceil(seconds));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

ProgressBar::ProgressBar(const Tool& tool, std::string label, Unit unit)
    : label_(std::move(label)), unit_(unit) {
  const CommonValues& common = tool.common();
  if (common.quiet || common.progress == "never") return;
  enabled_ = common.progress == "always" || stderr_is_a_terminal();
}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::string_view what,
                         double left) {
  if (!enabled_) return;
  const auto now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (elapsed < kSecondsBeforeFirst) return;
  if (drawn_ && std::chrono::duration<double>(now - last_).count() < kSecondsBetween) return;
  last_ = now;
  drawn_ = true;
  set_bar_is_drawn(true);
  to_stderr("\r" +
            frame(label_, unit_, {done, total, before_, elapsed, left}, what,
                  terminal_columns(STDERR_FILENO) - 1) +
            "\x1b[K");
}

void ProgressBar::finish() {
  if (!drawn_) return;
  to_stderr("\r\x1b[K");
  drawn_ = false;
  set_bar_is_drawn(false);
}

ProgressCallback ProgressBar::callback() {
  return [this](std::uint64_t done, std::uint64_t total, std::string_view what) {
    update(done, total, what);
  };
}

std::string ProgressBar::frame(std::string_view label, Unit unit, const State& state,
                               std::string_view what, std::size_t width) {
  const auto [done, total, before, seconds, left] = state;
  const auto here = static_cast<double>(done - std::min(before, done));
  const double rate = seconds > 0 ? here / seconds : 0;
  std::string out(label);
  if (total > 0) {
    constexpr std::size_t kCells = 24;
    const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(part * kCells);
    out += fmt::format(" {:3.0f}% [{}{}] {}/{}", std::floor(part * 100), std::string(full, '#'),
                       std::string(kCells - full, '.'), amount(static_cast<double>(done), unit),
                       amount(static_cast<double>(total), unit));
  } else {
    out += fmt::format(" {}", amount(static_cast<double>(done), unit));
  }
  if (rate > 0) out += fmt::format(" {}/s", rate_text(rate, unit));
  if (total > done && (left > 0 || rate > 0)) {
    out += fmt::format(" ETA {}",
                       clock_time(left > 0 ? left : static_cast<double>(total - done) / rate));
  }
  if (out.size() + 8 < width && !what.empty()) {
    const std::string safe = escape_for_terminal(what, width - out.size() - 2);
    // Names are mostly ASCII; one that is longer in columns than it may be is left out.
    if (out.size() + 1 + safe.size() <= width) out += " " + safe;
  }
  if (out.size() > width) out.resize(width);
  return out;
}

}  // namespace lathe::tool
