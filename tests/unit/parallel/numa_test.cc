#include "parallel/numa.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "parallel/thread_pool.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

// A machine as the kernel describes it.
std::string machine(const test::TempFolder& folder, const std::string& online,
                    const std::map<std::string, std::string>& cpus) {
  std::ofstream(folder.file("online")) << online << "\n";
  for (const auto& [node, list] : cpus) {
    std::filesystem::create_directory(folder.file(node));
    std::ofstream(folder.file(node + "/cpulist")) << list << "\n";
  }
  return folder.path();
}

std::vector<int> cpus_of_this_thread() {
  std::vector<int> out;
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof(set), &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  }
  return out;
}

class Pages {
 public:
  explicit Pages(std::size_t size)
      : all_(static_cast<std::byte*>(
                 ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
             size) {}
  ~Pages() { ::munmap(all_.data(), all_.size()); }
  std::span<std::byte> bytes() const { return all_; }

 private:
  std::span<std::byte> all_;
};

// On a thread of its own, since set_numa() binds its caller.
void with_numa(const std::function<void()>& test) {
  std::thread([&] {
    test();
    set_numa(NumaMode::kOff, {});
  }).join();
}

TEST(Numa, ReadsListsOfProcessors) {
  EXPECT_EQ(parse_cpu_list("0-3,8,10-11"), (std::vector<int>{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_cpu_list("7"), std::vector<int>{7});
  EXPECT_EQ(parse_cpu_list(""), std::vector<int>{});
  for (const char* text : {"x", "-1", "3-", "2-1", "99999999999999", "5,", "0-99999999"}) {
    EXPECT_LE(parse_cpu_list(text).size(), 1u) << text;
  }
}

TEST(Numa, ReadsTheNodesWhoseProcessorsMayBeUsed) {
  const test::TempFolder folder;
  const std::string root = machine(
      folder, "0-1,4,6", {{"node0", "0-3"}, {"node1", "4-7"}, {"node4", ""}, {"node6", "9"}});
  const std::vector<int> allowed = {1, 2, 5, 9, 10};
  EXPECT_EQ(read_numa_nodes(root, allowed),
            (std::vector<NumaNode>{{0, {1, 2}}, {1, {5}}, {6, {9}}}));
  EXPECT_TRUE(read_numa_nodes(folder.file("none"), allowed).empty());
}

TEST(Numa, DealsWorkersOutByProcessors) {
  const std::vector<NumaNode> nodes = {{0, {0, 1}}, {3, {4, 5, 6, 7}}, {4, {9, 10}}};
  const auto ids = [&](int workers) {
    std::vector<int> out;
    for (int w = 0; w < workers; ++w) out.push_back(node_of_worker(nodes, w, workers).id);
    return out;
  };
  EXPECT_EQ(ids(1), std::vector<int>{0});
  EXPECT_EQ(ids(2), (std::vector<int>{0, 3}));
  EXPECT_EQ(ids(4), (std::vector<int>{0, 3, 3, 4}));
  EXPECT_EQ(ids(8), (std::vector<int>{0, 0, 3, 3, 3, 3, 4, 4}));
  EXPECT_EQ(ids(16).back(), 4);
}

TEST(Numa, ThreadsOfAPoolStayOnTheirNodes) {
  with_numa([] {
    const std::vector<int> cpus = cpus_of_this_thread();
    if (cpus.size() < 2) GTEST_SKIP() << "one processor";
    set_numa(NumaMode::kBind, {{0, {cpus[0]}}, {1, {cpus[1]}}}, [](auto, auto) { return 0; });
    ThreadPool pool(2);
    std::vector<int> of_worker[2];
    pool.run([&](int worker) { of_worker[worker] = cpus_of_this_thread(); });
    EXPECT_EQ(of_worker[0], std::vector<int>{cpus[0]});
    EXPECT_EQ(of_worker[1], std::vector<int>{cpus[1]});
  });
}

TEST(Numa, PagesGoWhereTheirLargerPartBelongs) {
  with_numa([] {
    const std::vector<int> cpus = cpus_of_this_thread();
    std::map<std::size_t, int> node_of_page;
    const Pages memory(std::size_t{64} << 10);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    set_numa(NumaMode::kBind, {{5, cpus}, {7, cpus}}, [&](auto pages, auto on) {
      const std::byte* start = memory.bytes().data();
      if (pages.data() < start || pages.data() >= start + memory.bytes().size()) return 0;  // probe
      const auto first = static_cast<std::size_t>(pages.data() - start);
      EXPECT_EQ(first % page, 0u);
      for (std::size_t at = first; at < first + pages.size(); at += page) {
        node_of_page[at / page] = on.size() == 1 ? on[0].id : -1;
      }
      return 0;
    });
    place_evenly(memory.bytes());
    const std::size_t cut = 3 * page + page / 4;
    place_near(memory.bytes().first(cut), 0, 2);
    place_near(memory.bytes().subspan(cut, 2 * page), 1, 2);
    place_near(memory.bytes().subspan(8 * page + 1, 10), 1, 2);  // less than half a page
    const std::map<std::size_t, int> begin(node_of_page.begin(), node_of_page.find(9));
    EXPECT_EQ(begin,
              (std::map<std::size_t, int>{
                  {0, 5}, {1, 5}, {2, 5}, {3, 7}, {4, 7}, {5, -1}, {6, -1}, {7, -1}, {8, -1}}));
  });
}

TEST(Numa, WhatTheSystemForbidsIsSaid) {
  with_numa([] {
    const std::vector<int> cpus = cpus_of_this_thread();
    const auto forbid = [](auto, auto) { return EPERM; };
    test::expect_refused(ErrorCode::kUnsupported, "CAP_SYS_NICE", [&] {
      set_numa(NumaMode::kBind, {{0, cpus}, {1, cpus}}, forbid);
    });
    EXPECT_EQ(numa_mode(), NumaMode::kOff);
    set_numa(NumaMode::kBind, {{0, cpus}}, forbid);  // one node: nothing is asked of the system
    EXPECT_EQ(numa_mode(), NumaMode::kOff);
  });
}

// The kernel itself, where it lets us: two "nodes" that are the first one.
TEST(Numa, TheKernelKnowsWhatWasPlaced) {
  with_numa([] {
    const std::vector<int> cpus = cpus_of_this_thread();
    const int node = 0;
    try {
      set_numa(NumaMode::kBind, {{node, cpus}, {node, cpus}});
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    const Pages memory(std::size_t{1} << 20);
    const auto half = memory.bytes().size() / 2;
    place_near(memory.bytes().first(half), 1, 2);
    place_evenly(memory.bytes().subspan(half));
    const auto mode_at = [](const std::byte* at) {
      int mode = -1;
      constexpr unsigned kByAddress = 2;
      const long result = ::syscall(SYS_get_mempolicy, &mode, nullptr, 0, at, kByAddress);
      return result == 0 ? mode : -1;
    };
    if (mode_at(memory.bytes().data()) < 0) GTEST_SKIP() << "get_mempolicy is not allowed";
    EXPECT_EQ(mode_at(memory.bytes().data()), 1);                // preferred
    EXPECT_EQ(mode_at(memory.bytes().data() + half + 5000), 3);  // interleaved
  });
}

}  // namespace
}  // namespace lathe
