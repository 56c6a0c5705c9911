// On a machine of two nodes that is made up: what each thread reads lies on its node, and no bit
// of an answer depends on it.
#include "model/place_weights.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

#include "lathe/model.h"
#include "lathe/quantize.h"
#include "lathe/session.h"

#include "model/loaded_model.h"
#include "parallel/numa.h"
#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

constexpr int kThreads = 4;

const std::string& quantized_model() {
  static const test::TempFolder folder;
  static const std::string path = [] {
    QuantizeOptions options;
    options.scheme = "w4";
    options.threads = 1;
    quantize(*Checkpoint::open(testdata("models/base")), folder.file("w4.lathe"), options);
    return folder.file("w4.lathe");
  }();
  return path;
}

std::vector<float> logits_of(const std::shared_ptr<const Model>& model) {
  SessionOptions options;
  options.threads = kThreads;
  const auto session = Session::create(model, options);
  const std::vector<TokenId> tokens = {5, 9, 2, 7, 7, 3};
  const std::vector<SequenceInput> inputs = {{session->add(), tokens}};
  const auto logits = session->forward(inputs);
  return {logits.begin(), logits.end()};
}

// Whose page a byte is: -2 nobody's, -1 that of all nodes in turn.
class Placed {
 public:
  int place(std::span<std::byte> pages, std::span<const NumaNode> on) {
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at < pages.size(); at += 4096) {
      node_of_page_[pages.data() + at] = on.size() == 1 ? on[0].id : -1;
    }
    return 0;
  }
  int of(const std::byte* at) const {
    const auto next = node_of_page_.upper_bound(at);
    if (next == node_of_page_.begin()) return -2;
    const auto& [page, node] = *std::prev(next);
    return at < page + 4096 ? node : -2;
  }
  int evenly() const {
    return static_cast<int>(std::count_if(node_of_page_.begin(), node_of_page_.end(),
                                          [](const auto& page) { return page.second == -1; }));
  }

 private:
  std::mutex mutex_;
  std::map<const std::byte*, int> node_of_page_;
};

// Calls test(placed, model) where the nodes are two and the mode is set.
template <typename Test>
void on_two_nodes(NumaMode mode, Test&& test) {
  std::thread([&] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof(set), &set);
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    Placed placed;
    set_numa(mode, {{0, cpus}, {1, cpus}},
             [&](auto pages, auto on) { return placed.place(pages, on); });
    LoadOptions options;
    options.threads = kThreads;
    test(placed, Model::load(Checkpoint::open(quantized_model()), nullptr, options));
    set_numa(NumaMode::kOff, {});
  }).join();
}

TEST(PlaceWeights, SharesOfWorkersAreAllRowsOnce) {
  const auto model = Model::load(Checkpoint::open(quantized_model()));
  const LayerWeights& layer = loaded_of(*model).weights().layers[1];
  const Linear* const qkv[] = {layer.q.get(), nullptr, layer.k.get(), layer.v.get()};
  for (const int workers : {1, 2, 3, 7, 64}) {
    std::size_t bytes = 0;
    std::map<const std::byte*, std::size_t> pieces;
    for (int worker = 0; worker < workers; ++worker) {
      for (const auto piece : Linear::memory_of_worker(qkv, worker, workers)) {
        pieces[piece.data()] = piece.size();
        bytes += piece.size();
      }
    }
    const std::byte* end = nullptr;
    std::size_t apart = 0;
    for (const auto& [start, size] : pieces) {
      EXPECT_GE(start, end) << "two workers have the same bytes";
      end = start + size;
      apart += size;
    }
    EXPECT_EQ(apart, bytes);
    // All but each matrix's few bytes of description.
    std::size_t all = 0;
    for (const Linear* linear : qkv) {
      if (linear == nullptr) continue;
      for (const auto piece : linear->memory()) all += piece.size();
    }
    EXPECT_GE(bytes, all * 98 / 100);
    EXPECT_LE(bytes, all);
  }
}

TEST(PlaceWeights, WhatAThreadReadsLiesOnItsNode) {
  const std::vector<float> wanted = logits_of(Model::load(Checkpoint::open(quantized_model())));
  on_two_nodes(NumaMode::kBind, [&](const Placed& placed, const auto& model) {
    const Weights& weights = loaded_of(*model).weights();
    std::int64_t right = 0, wrong = 0;
    for (const LayerWeights& layer : weights.layers) {
      const std::vector<std::vector<const Linear*>> groups = {
          {layer.q.get(), layer.k.get(), layer.v.get()},
          {layer.o.get()},
          {layer.mlp.gate.get(), layer.mlp.up.get()},
          {layer.mlp.down.get()}};
      for (const auto& group : groups) {
        for (int worker = 0; worker < kThreads; ++worker) {
          for (const auto piece : Linear::memory_of_worker(group, worker, kThreads)) {
            for (std::size_t at = 0; at < piece.size(); at += 64) {
              ++(placed.of(piece.data() + at) == worker * 2 / kThreads ? right : wrong);
            }
          }
        }
      }
    }
    // Pages that two workers share belong to one of them, and these matrices are small.
    EXPECT_GT(right, 9 * wrong);
    EXPECT_EQ(placed.evenly(), 1) << "the probe's page alone";
    EXPECT_EQ(logits_of(model), wanted);
    EXPECT_GT(placed.evenly(), 1) << "keys and values";
  });
}

TEST(PlaceWeights, OrNodesTakeTurns) {
  const std::vector<float> wanted = logits_of(Model::load(Checkpoint::open(quantized_model())));
  on_two_nodes(NumaMode::kInterleave, [&](const Placed& placed, const auto& model) {
    const Linear& down = *loaded_of(*model).weights().layers[0].mlp.down;
    for (const auto piece : down.memory()) {
      EXPECT_EQ(placed.of(piece.data() + piece.size() / 2), -1);
    }
    EXPECT_EQ(logits_of(model), wanted);
  });
}

}  // namespace
}  // namespace lathe
