#include "lathe/engine.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "engine/memory_limit.h"
#include "engine/scheduler.h"

namespace lathe {
namespace {

// Bytes of one position's keys and values over all layers.
std::uint64_t position_bytes(const ModelConfig& config, KvType type) {
  const std::uint64_t element = type == KvType::kF32 ? 4 : type == KvType::kF16 ? 2 : 1;
  const auto size = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  return 2 * element * size(config.num_layers) * size(config.num_kv_heads) * size(config.head_dim);
}

}  // namespace

Engine::~Engine() = default;

std::uint64_t default_kv_memory() {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  return std::max(kLeast, available_memory() / 2);
}

std::unique_ptr<Engine> Engine::create(std::shared_ptr<const Model> model,
                                       std::shared_ptr<const Tokenizer> tokenizer,
                                       const EngineOptions& options) {
  if (options.max_batch < 1 || options.prefill_chunk < 1 || options.context < 0) {
    fail(ErrorCode::kUsage,
         "an engine cannot run {} sequences with pieces of {} tokens in a context of {}",
         options.max_batch, options.prefill_chunk, options.context);
  }
  const std::uint64_t bytes = options.kv_memory == 0 ? default_kv_memory() : options.kv_memory;
  const std::uint64_t each = position_bytes(model->config(), options.kv_type);
  const std::uint64_t positions = bytes / std::max<std::uint64_t>(1, each);
  if (positions == 0) {
    fail(ErrorCode::kLimit, "a KV memory of {} bytes holds no position: each takes {} bytes", bytes,
         each);
  }
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.kv_type = options.kv_type;
  session_options.max_tokens = static_cast<std::int64_t>(positions);
  session_options.chunk = std::max<std::int64_t>(512, options.prefill_chunk + options.max_batch);
  auto session = Session::create(std::move(model), session_options);
  return std::make_unique<Scheduler>(std::move(session), std::move(tokenizer), options,
                                     static_cast<std::int64_t>(positions));
}

}  // namespace lathe
