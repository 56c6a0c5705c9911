#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "lathe/machine.h"

namespace lathe {
namespace {

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

std::uint64_t kilobytes(const std::string& name) {
  const std::string text = value_of("/proc/self/status", name);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value * 1024;
}

}  // namespace

std::string cpu_name() {
  const std::string name = value_of("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

ProcessFigures process_figures() {
  ProcessFigures f;
  f.resident_bytes = kilobytes("VmRSS");
  f.peak_resident_bytes = kilobytes("VmHWM");
  f.shared_bytes = kilobytes("RssFile");
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    f.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
    f.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  }
  return f;
}

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

}  // namespace lathe
