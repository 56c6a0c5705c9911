// The counters of several engines as one's.
#pragma once

#include "lathe/engine.h"

namespace lathe::tool {

inline void add(EngineStats& to, const EngineStats& one) {
  to.submitted += one.submitted;
  to.completed += one.completed;
  to.failed += one.failed;
  to.cancelled += one.cancelled;
  to.waiting += one.waiting;
  to.running += one.running;
  to.prompt_tokens += one.prompt_tokens;
  to.cached_tokens += one.cached_tokens;
  to.disk_cached_tokens += one.disk_cached_tokens;
  to.prefilled_tokens += one.prefilled_tokens;
  to.recomputed_tokens += one.recomputed_tokens;
  to.generated_tokens += one.generated_tokens;
  to.steps += one.steps;
  to.forward_seconds += one.forward_seconds;
  to.step_seconds += one.step_seconds;
  to.preemptions += one.preemptions;
  to.spilled += one.spilled;
  to.kv_bytes += one.kv_bytes;
  to.kv_bytes_used += one.kv_bytes_used;
}

// What stays of an engine that is no more: what it counted, and nothing that it had.
inline EngineStats without_present(EngineStats stats) {
  stats.waiting = stats.running = 0;
  stats.kv_bytes = stats.kv_bytes_used = 0;
  return stats;
}

}  // namespace lathe::tool
