#include "engine/spill_file.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/seconds.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// A running mean that follows changes within some tens of measurements.
void learn(double& rate, Clock::time_point start, std::uint64_t bytes) {
  if (bytes == 0) return;
  const double seconds = seconds_since(start);
  rate += 0.25 * (seconds / static_cast<double>(bytes) - rate);
}

}  // namespace

SpillFile::SpillFile(const std::string& path)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (!file_.good()) {
    fail(ErrorCode::kIo, "{}: cannot make the spill file: {}", quoted(path), std::strerror(errno));
  }
  ::unlink(path.c_str());
}

bool SpillFile::write(std::span<const std::byte> bytes, SpillRun& run) {
  const Clock::time_point start = Clock::now();
  run = {take(bytes.size()), bytes.size(), XXH3_64bits(bytes.data(), bytes.size())};
  std::uint64_t offset = run.offset;
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      release(run);
      good_ = false;
      return false;
    }
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  learn(write_seconds_per_byte_, start, run.bytes);
  return true;
}

bool SpillFile::read(const SpillRun& run, std::span<std::byte> out) {
  const Clock::time_point start = Clock::now();
  if (!file_.read_at(run.offset, out)) return false;
  learn(read_seconds_per_byte_, start, run.bytes);
  return XXH3_64bits(out.data(), out.size()) == run.checksum;
}

void SpillFile::release(const SpillRun& run) {
  if (run.bytes == 0) return;
  auto at = free_.emplace(run.offset, run.bytes).first;
  const auto next = std::next(at);
  if (next != free_.end() && at->first + at->second == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at != free_.begin()) {
    const auto before = std::prev(at);
    if (before->first + before->second == at->first) {
      before->second += at->second;
      free_.erase(at);
    }
  }
}

double SpillFile::cost(std::uint64_t bytes) const noexcept {
  return static_cast<double>(bytes) * (write_seconds_per_byte_ + read_seconds_per_byte_);
}

std::uint64_t SpillFile::take(std::uint64_t bytes) {
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    if (at->second < bytes) continue;
    const std::uint64_t offset = at->first;
    const std::uint64_t left = at->second - bytes;
    free_.erase(at);
    if (left > 0) free_.emplace(offset + bytes, left);
    return offset;
  }
  const std::uint64_t offset = end_;
  end_ += bytes;
  return offset;
}

}  // namespace lathe
