#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "lathe/bench/machine.h"

namespace lathe {
namespace {

constexpr double kMinSeconds = 0.2;

// The number after "name:" in a file of "name:  value" lines (/proc/self/status, cpuinfo).
std::string value_of(const char* file, const std::string& name) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind(name, 0) != 0) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? std::string() : line.substr(start);
  }
  return {};
}

std::optional<std::uint64_t> kilobytes(const std::string& name) {
  const std::string text = value_of("/proc/self/status", name);
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value * 1024;
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Seconds since boot that the host gave to others, all processors together.
double stolen_seconds() {
  std::ifstream in("/proc/stat");
  std::string name;
  // cpu user nice system idle iowait irq softirq steal
  std::uint64_t ticks[8] = {};
  in >> name;
  for (std::uint64_t& t : ticks) in >> t;
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return in && per_second > 0.0 ? static_cast<double>(ticks[7]) / per_second : 0.0;
}

rusage own_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

template <typename T, typename Join>
void join(std::optional<T>& mine, const std::optional<T>& other, Join&& how) {
  if (other) mine = mine ? how(*mine, *other) : *other;
}

}  // namespace

std::string cpu_name() {
  const std::string name = value_of("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

void ProcessUse::add(const ProcessUse& other) {
  const auto most = [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); };
  const auto sum = [](std::uint64_t a, std::uint64_t b) { return a + b; };
  join(peak_bytes, other.peak_bytes, most);
  join(shared_bytes, other.shared_bytes, most);
  join(minor_faults, other.minor_faults, sum);
  join(major_faults, other.major_faults, sum);
  steal_share = std::max(steal_share, other.steal_share);
}

UseMeter::UseMeter() {
  // 5 is "forget the peak". Where it can't be written the peak is that of the process so far.
  std::ofstream("/proc/self/clear_refs") << "5";
  const rusage usage = own_usage();
  minor_faults_ = static_cast<std::uint64_t>(usage.ru_minflt);
  major_faults_ = static_cast<std::uint64_t>(usage.ru_majflt);
  stolen_ = stolen_seconds();
  started_ns_ = now_ns();
}

ProcessUse UseMeter::read() const {
  ProcessUse use;
  const double stolen = stolen_seconds() - stolen_;
  const double seconds = static_cast<double>(now_ns() - started_ns_) * 1e-9;
  const auto processors = static_cast<double>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  // It is counted in ticks: of a run of a few it says nothing.
  if (seconds > kMinSeconds) {
    use.steal_share = std::clamp(stolen / (seconds * processors), 0.0, 1.0);
  }
  const rusage usage = own_usage();
  use.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt) - minor_faults_;
  use.major_faults = static_cast<std::uint64_t>(usage.ru_majflt) - major_faults_;
  use.peak_bytes = kilobytes("VmHWM");
  use.shared_bytes = kilobytes("RssFile");
  if (const auto shmem = kilobytes("RssShmem"); shmem && use.shared_bytes) {
    *use.shared_bytes += *shmem;
  }
  return use;
}

}  // namespace lathe
