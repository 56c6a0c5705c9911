// Sharing the tiles of a matrix among threads.
#pragma once

#include <atomic>
#include <cstdint>

#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"

namespace lathe {

// Calls body(worker, tile) for the tiles [first, end), in no order; rethrows.
template <typename Body>
void for_tiles(ThreadPool& pool, std::int64_t first, std::int64_t end, Body&& body) {
  FirstException problem;
  std::atomic<std::int64_t> next{first};
  pool.run([&](int worker) {
    problem.guard([&] {
      for (std::int64_t t = next.fetch_add(1); t < end; t = next.fetch_add(1)) body(worker, t);
    });
  });
  problem.rethrow();
}

}  // namespace lathe
