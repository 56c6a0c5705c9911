#include "lathe/engine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lathe/host/available_memory.h"
#include "lathe/model_config.h"

#include "base/fail.h"
#include "engine/no_text.h"
#include "engine/scheduler.h"
#include "model/loaded_model.h"

namespace lathe {
namespace {

// Pages of so many bytes in all, but no more than can be of use: what all places hold when each is
// full, and as much again for what is kept, if anything is.
std::int64_t page_count(const KvLayout& layout, std::uint64_t bytes, std::int64_t context,
                        const EngineOptions& options) {
  const auto pages = static_cast<std::int64_t>(bytes / layout.page_bytes);
  if (pages == 0) {
    fail(ErrorCode::kLimit,
         "a KV memory of {} bytes holds nothing: a page of {} positions has {} bytes", bytes,
         layout.page_tokens, layout.page_bytes);
  }
  const std::int64_t each = (context + layout.page_tokens - 1) / layout.page_tokens;
  const std::int64_t places = (options.share_prefixes ? 2 : 1) * options.max_batch;
  const bool wraps = each > std::numeric_limits<std::int64_t>::max() / 2 / places;
  return options.kv_memory > 0 || wraps ? pages : std::min(pages, places * (each + 1));
}

}  // namespace

RequestRunner::~RequestRunner() = default;

std::uint64_t default_kv_memory() {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  const std::uint64_t available = available_memory();
  const bool unknown = available == std::numeric_limits<std::uint64_t>::max();
  return unknown ? kLeast : std::max(kLeast, available / 2);
}

std::unique_ptr<Engine> Engine::create(std::shared_ptr<const Model> model,
                                       std::shared_ptr<const Tokenizer> tokenizer,
                                       const EngineOptions& options) {
  if (options.max_batch < 1 || options.prefill_chunk < 0 || options.context < 0) {
    fail(ErrorCode::kUsage,
         "an engine cannot run {} sequences with pieces of {} tokens in a context of {}",
         options.max_batch, options.prefill_chunk, options.context);
  }
  if (loaded_of(*model).ensemble() != nullptr &&
      (!options.spill_file.empty() || !options.cache_dir.empty())) {
    fail_unsupported(
        "several processes that compute one model keep its keys and values among them: neither "
        "--kv-spill nor --cache-dir can be used there");
  }
  const KvLayout layout = kv_layout(*model, options.kv_type);
  const std::uint64_t bytes = options.kv_memory > 0 ? options.kv_memory : default_kv_memory();
  const std::int64_t most = model->config().max_position;
  const std::int64_t context = options.context > 0 ? std::min(options.context, most) : most;
  SessionOptions session_options;
  session_options.whole_windows = true;  // prefixes are shared wherever texts part
  session_options.kv_type = options.kv_type;
  session_options.threads = options.threads;
  session_options.max_pages = page_count(layout, bytes, context, options);
  session_options.chunk = std::max<std::int64_t>(512, options.prefill_chunk + options.max_batch);
  if (tokenizer == nullptr) tokenizer = std::make_shared<NoText>(model->config().vocab_size);
  auto session = Session::create(std::move(model), session_options);
  return std::make_unique<Scheduler>(std::move(session), std::move(tokenizer), options);
}

}  // namespace lathe
