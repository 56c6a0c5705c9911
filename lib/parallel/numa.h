// Where threads run and memory lies, on machines of several nodes: what set_numa() chose, for the
// parts of the library that have threads and memory (lathe/host/numa.h says what it means).
//
// Threads are dealt out to nodes in order, as many to each as it has processors: worker w of n has
// the processor at w / n of all that the process may use, counted node by node, and may use all of
// that node. Memory is placed by the kernel's mbind(2), which also moves what was touched.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lathe/host/numa.h"

namespace lathe {

// A node and those of its processors that this process may use.
struct NumaNode {
  int id = 0;
  std::vector<int> cpus;

  bool operator==(const NumaNode&) const = default;
};

// Numbers of a list such as "0-3,8,10-11", as the kernel writes them; of something else, those
// before it.
std::vector<int> parse_cpu_list(const std::string& text);

// The nodes with processors of those allowed, in order, as `root` (/sys/devices/system/node)
// describes them; none where it does not.
std::vector<NumaNode> read_numa_nodes(const std::string& root, std::span<const int> allowed);

// The node of a worker. nodes: not empty.
const NumaNode& node_of_worker(std::span<const NumaNode> nodes, int worker, int workers) noexcept;

// Places whole pages of this process: on the node, or on all of them in turn. Returns 0, or what
// errno says.
using PlacePages = std::function<int(std::span<std::byte> pages, std::span<const NumaNode> on)>;

// As set_numa(), on a machine of these nodes; null: mbind(2). For tests; `nodes` of fewer than two
// turns it off.
void set_numa(NumaMode mode, std::vector<NumaNode> nodes, PlacePages place = nullptr);

// The calling thread goes to the node of that worker. With kBind; else nothing happens.
void run_on_node_of(int worker, int workers) noexcept;
// The memory goes to the node of that worker, in whole pages: one that is only in part in
// [first byte, last] goes with the larger part. With kBind; else nothing happens.
void place_near(std::span<const std::byte> memory, int worker, int workers) noexcept;
// The memory goes to all nodes in turn. Nothing happens with kOff.
void place_evenly(std::span<const std::byte> memory) noexcept;

}  // namespace lathe
