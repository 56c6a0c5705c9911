#include "lathe/host/numa.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "base/fail.h"
#include "parallel/cpu_count.h"
#include "parallel/numa.h"

namespace lathe {
namespace {

// Of linux/mempolicy.h, which is not everywhere.
constexpr int kPreferred = 1;
constexpr int kInterleaved = 3;
constexpr unsigned kMove = 2;

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::vector<int> allowed_cpus() {
  std::vector<int> out;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return out;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

int place_by_kernel(std::span<std::byte> pages, std::span<const NumaNode> on) {
  constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::vector<unsigned long> mask;
  for (const NumaNode& node : on) {
    const auto id = static_cast<std::size_t>(node.id);
    mask.resize(std::max(mask.size(), id / kBits + 1));
    mask[id / kBits] |= 1UL << (id % kBits);
  }
  // The kernel looks at one bit less than it is told.
  const long result =
      ::syscall(SYS_mbind, pages.data(), pages.size(), on.size() == 1 ? kPreferred : kInterleaved,
                mask.data(), mask.size() * kBits + 1, kMove);
  return result == 0 ? 0 : errno;
}

struct Numa {
  NumaMode mode = NumaMode::kOff;
  std::vector<NumaNode> nodes;
  PlacePages place;
};

Numa& numa() {
  static Numa out;
  return out;
}

// Whether the system takes what will be asked of it, by a page that nobody needs.
void probe(const Numa& how) {
  const std::size_t size = page_size();
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  const int problem = how.place({static_cast<std::byte*>(page), size}, how.nodes);
  ::munmap(page, size);
  if (problem == 0) return;
  fail_unsupported(
      "--numa: the system does not let this process say where its memory lies: {} (containers need "
      "the capability CAP_SYS_NICE for that)",
      std::strerror(problem));
}

// Places the pages whose larger part is in the memory.
void place(std::span<const std::byte> memory, std::span<const NumaNode> on) noexcept {
  const std::size_t page = page_size();
  const auto nearest = [page](const std::byte* at) {
    return (reinterpret_cast<std::uintptr_t>(at) + page / 2) / page * page;
  };
  const std::uintptr_t first = nearest(memory.data());
  const std::uintptr_t last = nearest(memory.data() + memory.size());
  if (last <= first) return;
  try {
    // What can't be placed is as fast as without.
    numa().place({reinterpret_cast<std::byte*>(first), last - first}, on);
  } catch (...) {
    // Nor what there is no memory to place with.
  }
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](int& value) {
    const auto read = std::from_chars(at, end, value);
    at = read.ptr;
    return read.ec == std::errc() && value >= 0 && value < CPU_SETSIZE;
  };
  for (int first = 0; number(first);) {
    int last = first;
    if (at < end && *at == '-' && (++at, !number(last))) break;
    for (; first <= last; ++first) out.push_back(first);
    if (at == end || *at != ',') break;
    ++at;
  }
  return out;
}

std::vector<NumaNode> read_numa_nodes(const std::string& root, std::span<const int> allowed) {
  const auto line_of = [&](const std::string& name) {
    std::ifstream file(root + "/" + name);
    std::string line;
    std::getline(file, line);
    return line;
  };
  std::vector<NumaNode> out;
  for (const int id : parse_cpu_list(line_of("online"))) {
    NumaNode node{id, parse_cpu_list(line_of(fmt::format("node{}/cpulist", id)))};
    std::erase_if(node.cpus, [&](int cpu) {
      return std::find(allowed.begin(), allowed.end(), cpu) == allowed.end();
    });
    if (!node.cpus.empty()) out.push_back(std::move(node));
  }
  return out;
}

const NumaNode& node_of_worker(std::span<const NumaNode> nodes, int worker, int workers) noexcept {
  std::int64_t total = 0;
  for (const NumaNode& node : nodes) total += std::ssize(node.cpus);
  std::int64_t cpu = total * worker / workers;
  for (const NumaNode& node : nodes) {
    if (cpu < std::ssize(node.cpus)) return node;
    cpu -= std::ssize(node.cpus);
  }
  return nodes.back();
}

void set_numa(NumaMode mode, std::vector<NumaNode> nodes, PlacePages place) {
  // The count must not be that of the caller's node.
  available_cpus();
  Numa how{nodes.size() < 2 ? NumaMode::kOff : mode, std::move(nodes),
           place ? std::move(place) : place_by_kernel};
  if (how.mode != NumaMode::kOff) probe(how);
  numa() = std::move(how);
  run_on_node_of(0, 1);
}

void set_numa(NumaMode mode) {
  set_numa(mode, read_numa_nodes("/sys/devices/system/node", allowed_cpus()));
}

NumaMode numa_mode() noexcept { return numa().mode; }

void run_on_node_of(int worker, int workers) noexcept {
  if (numa().mode != NumaMode::kBind) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : node_of_worker(numa().nodes, worker, workers).cpus) CPU_SET(cpu, &set);
  // Who may not stay there is as fast as without.
  ::sched_setaffinity(0, sizeof(set), &set);
}

void place_near(std::span<const std::byte> memory, int worker, int workers) noexcept {
  if (numa().mode != NumaMode::kBind) return;
  place(memory, {&node_of_worker(numa().nodes, worker, workers), 1});
}

void place_evenly(std::span<const std::byte> memory) noexcept {
  if (numa().mode != NumaMode::kOff) place(memory, numa().nodes);
}

}  // namespace lathe
