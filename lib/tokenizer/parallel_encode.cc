#include "tokenizer/parallel_encode.h"

#include <algorithm>

#include "parallel/cpu_count.h"
#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"

namespace lathe {

void parallel_tasks(std::size_t n, int threads, const std::function<void(std::size_t)>& body) {
  if (threads <= 0) threads = available_cpus();
  threads = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), n));
  if (threads <= 1) {
    for (std::size_t i = 0; i < n; ++i) body(i);
    return;
  }
  FirstException problem;
  ThreadPool pool(threads);
  pool.parallel_for(static_cast<std::int64_t>(n), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      problem.guard([&] { body(static_cast<std::size_t>(i)); });
    }
  });
  problem.rethrow();
}

}  // namespace lathe
