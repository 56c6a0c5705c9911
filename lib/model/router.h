// Which experts a token goes through.
//
// The scores are sums in one written order (ForwardKernels::add_low_rank), each row of input for
// itself, and the softmax is in double: who is chosen, and by which weight, does not depend on the
// threads, the other rows or the kernel table. Not thread-safe: scratch is kept.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/model_config.h"

#include "model/float_buffer.h"
#include "model/weights.h"
#include "parallel/thread_pool.h"

namespace lathe {

// Of each row its `used` experts, the best first; of equals the one of the lower number.
struct Routes {
  std::vector<std::int32_t> experts;  // [rows][used]
  std::vector<float> weights;         // [rows][used]
};

class Router {
 public:
  explicit Router(ThreadPool& pool) : pool_(pool) {}

  void reserve(std::int64_t rows, std::int64_t experts, std::int64_t used);
  // x: [rows][hidden]. May allocate when not reserved.
  const Routes& run(const MixtureWeights& weights, const ExpertsConfig& experts, const float* x,
                    std::int64_t rows, std::int64_t hidden);

 private:
  void score(const MixtureWeights& weights, std::int64_t count, const float* x, std::int64_t rows,
             std::int64_t hidden);

  ThreadPool& pool_;
  FloatBuffer scores_;  // [rows][experts]
  Routes routes_;
};

}  // namespace lathe
