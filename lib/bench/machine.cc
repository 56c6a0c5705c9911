#include "lathe/bench/machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>

#include "lathe/error.h"

#include "base/seconds.h"
#include "kernels/probe_kernels.h"
#include "kernels/select.h"
#include "model/weight_memory.h"
#include "parallel/cpu_count.h"
#include "parallel/thread_pool.h"

namespace lathe {
namespace {

constexpr int kRounds = 5;
constexpr std::size_t kLine = 64;
constexpr std::size_t kReadBytes = std::size_t{512} << 20;
constexpr std::size_t kMinBytes = std::size_t{32} << 20;

// The best of a few rounds: a limit is what the machine can do, not what it does on average.
template <typename Round>
double best_rate(double amount, Round&& round) {
  double best = 0.0;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    round();
    const double seconds = seconds_since(start);
    best = std::max(best, amount / seconds);
  }
  return best;
}

// In large pages where the system has them, as weights are: with small ones the limit would be
// the TLB's, and a model could be faster than "the limit".
WeightMemory allocate_buffer() {
  for (std::size_t size = kReadBytes; size > kMinBytes; size /= 2) {
    try {
      return WeightMemory(size, "the memory to read");
    } catch (const Error&) {
      // Less will do.
    }
  }
  return WeightMemory(kMinBytes, "the memory to read");
}

double read_rate(ThreadPool& pool) {
  WeightMemory memory = allocate_buffer();
  const std::span<std::byte> buffer = memory.bytes();
  const std::size_t share = buffer.size() / static_cast<std::size_t>(pool.size()) / kLine * kLine;
  const auto part = [&](int worker) {
    return buffer.data() + static_cast<std::size_t>(worker) * share;
  };
  // Each worker touches its own part first, so that its pages are near it.
  pool.run([&](int worker) { std::memset(part(worker), 1, share); });
  return best_rate(static_cast<double>(share) * pool.size(), [&] {
    pool.run([&](int worker) { kernels().probe.read(part(worker), share); });
  });
}

template <typename Probe>
double arithmetic_rate(ThreadPool& pool, Probe&& probe) {
  // About 20 ms on a fast core, whatever the instruction set.
  std::int64_t steps = 1000;
  double operations = 0.0;  // of one worker; the same for all
  for (double seconds = 0.0; seconds < 0.01; steps *= 2) {
    const auto start = std::chrono::steady_clock::now();
    operations = 2.0 * probe(steps);
    seconds = seconds_since(start);
  }
  return best_rate(operations * pool.size(), [&] { pool.run([&](int) { probe(steps); }); });
}

}  // namespace

std::string isa_name() { return kernels().name; }

MachineLimits measure_machine(int threads, const ProgressCallback& progress) {
  const auto tell = [&](std::uint64_t part, const char* what) {
    if (progress) progress(part, 4, what);
  };
  MachineLimits limits;
  limits.threads = threads > 0 ? threads : available_cpus();
  limits.isa = isa_name();
  limits.cpu = cpu_name();
  ThreadPool pool(limits.threads);
  tell(0, "memory");
  limits.read_bytes = read_rate(pool);
  tell(1, "8-bit integers");
  limits.int8_ops = arithmetic_rate(pool, kernels().probe.int8);
  tell(2, "floats");
  limits.f32_ops = arithmetic_rate(pool, kernels().probe.f32);
  tell(3, "bfloat16");
  limits.bf16_ops = arithmetic_rate(pool, kernels().probe.bf16);
  tell(4, "done");
  return limits;
}

}  // namespace lathe
