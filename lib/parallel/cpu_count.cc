#include "parallel/cpu_count.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <string>
#include <thread>

namespace lathe {
namespace {

int affinity_cpus() noexcept {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// The tightest "quota period" of this process's cgroup and the groups above it, in CPUs
// (cgroup v2 cpu.max); a large number when there is none.
double cgroup_quota() {
  double tightest = 1e9;
  std::ifstream self("/proc/self/cgroup");
  std::string line;
  std::string group;
  while (std::getline(self, line)) {
    if (line.rfind("0::", 0) == 0) group = line.substr(3);
  }
  for (;;) {
    std::ifstream file("/sys/fs/cgroup" + group + "/cpu.max");
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) {
      tightest = std::min(tightest, std::strtod(quota.c_str(), nullptr) / period);
    }
    if (group.empty() || group == "/") break;
    group.erase(group.find_last_of('/'));
  }
  // cgroup v1
  std::ifstream quota_v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_v1("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (quota_v1 >> quota && period_v1 >> period && quota > 0 && period > 0) {
    tightest = std::min(tightest, quota / period);
  }
  return tightest;
}

int count() noexcept {
  int cpus = affinity_cpus();
  try {
    cpus = std::min(cpus, static_cast<int>(std::max(1.0, std::floor(cgroup_quota() + 0.5))));
  } catch (...) {
    // Unreadable pseudo files: the affinity alone decides.
  }
  return cpus;
}

}  // namespace

int available_cpus() noexcept {
  static const int cpus = count();
  return cpus;
}

namespace {

std::atomic<int> chosen_threads{0};

}  // namespace

int default_threads() noexcept {
  const int chosen = chosen_threads.load(std::memory_order_relaxed);
  return chosen > 0 ? chosen : available_cpus();
}

void set_default_threads(int threads) noexcept {
  chosen_threads.store(threads, std::memory_order_relaxed);
}

}  // namespace lathe
