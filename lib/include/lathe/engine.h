// Many requests at once: continuous batching over one model.
//
//   submit(request) ─> waiting ─> running ─> completion
//                         ^          │
//                         └ preempted┘  when the KV memory runs out
//
// step() computes one forward pass for everything that runs: one token for each sequence that
// decodes, and beside them pieces of prompts (`prefill_chunk`). A sequence that ends
// leaves its place to the next one before the next pass. The caller drives:
//
//   auto engine = lathe::Engine::create(model, tokenizer, {});
//   for (auto& request : requests) engine->submit(std::move(request));
//   while (!engine->idle()) {
//     for (lathe::Completion& done : engine->step()) ...
//   }
//
// For quantized models an answer's bytes are those of generate() with the same prompt and options
// in a session of its own, whatever its neighbours, the order, the pieces, a preemption or a
// shared prefix. An Engine belongs to one thread at a time; it never prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/failure.h"
#include "lathe/generate.h"
#include "lathe/model.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct EngineOptions {
  int threads = 0;  // 0: available_cpus()
  KvType kv_type = KvType::kF16;
  // Bytes for keys and values of everything that runs or is kept; 0: default_kv_memory().
  std::uint64_t kv_memory = 0;
  std::int64_t context = 0;     // positions that one sequence may hold; 0: the model's
  std::int64_t max_batch = 32;  // sequences that run at once
  // Prompt tokens computed in one step, at most. 0: many where nobody waits; where no more
  // prompts are under way than sequences decode, as many as make a step about twice as long as
  // without them, by the times that steps have taken (for float models by counts, so that the
  // same requests give the same steps).
  std::int64_t prefill_chunk = 0;
  // Seconds that such a step may take in any case, where twice as long would be less: a prompt is
  // read with less work in larger pieces.
  double prompt_step = 0.0;
  // Computes beginnings that requests share once, and keeps them while memory allows.
  bool share_prefixes = true;
  // Where a sequence that must give way may be written, when reading it back is cheaper than
  // computing it again; empty: it is computed again. Made anew, and removed at the end.
  std::string spill_file = {};
  // A folder of beginnings that outlive the process; made when missing. Empty: none.
  std::string cache_dir = {};
  std::uint64_t cache_size = std::uint64_t{4} << 30;  // bytes in cache_dir, all processes'
  // Drafts tokens of those that decode, in steps without prompts (lathe/speculation.h); may be
  // null.
  std::shared_ptr<Speculator> speculator = {};
  // Is told of what was wrong but did no harm (a damaged cache entry, a full disk).
  std::function<void(const std::string&)> on_warning = {};
};

// Half of the memory that this process may still use (free memory, cgroup and address space
// limits). At least 64 MiB.
LATHE_API std::uint64_t default_kv_memory();

using RequestId = std::uint64_t;

// Keys and values of neighbouring tokens, of the pages from the first one's on.
struct BeginningPart {
  std::int64_t tokens = 0;  // whole pages, but for the last part's
  std::uint64_t checksum = 0;
  std::span<const std::byte> pages;    // one behind the other
  std::shared_ptr<const void> memory;  // where they are
};

// What an engine has computed of a text's first tokens, for another one of the same model.
struct Beginning {
  std::int64_t tokens = 0;
  std::string of;  // the model, and how the pages are arranged
  std::vector<BeginningPart> parts;
};

struct Request {
  std::vector<TokenId> prompt;
  GenerateOptions options;
  // Answers to draw. They share the prompt's computation; number i is drawn with seed + i.
  int samples = 1;
  // Texts to score: the log-probability of each token of each, after the prompt. A request that
  // only scores has samples = 0.
  std::vector<std::vector<TokenId>> continuations;
  // Sees the logits by which token `token` of a continuation is scored, before they go. Several
  // threads may call it at once, for different tokens. It may not call the engine, nor throw.
  std::function<void(std::size_t continuation, std::size_t token, std::span<const float> logits)>
      on_logits;
  double timeout = 0.0;  // seconds from when it first runs; 0: none
  // Receives text of sample number `sample` as TextCallback does; false ends that sample.
  // It may not call the engine. An Error thrown by it fails the request.
  std::function<bool(int sample, std::string_view text)> on_text;
  // What its prompt begins with, fewer tokens than all; may be null. Where it is damaged, or of
  // something else, the prompt is computed.
  std::shared_ptr<const Beginning> beginning = {};
  // Receives what is computed of the prompt, part by part: while later parts are still to be
  // computed, after a step that made a part of at least `beginning_part` tokens whole, and the
  // rest at the prompt's end (0: all of it). It may not call the engine; an Error thrown by it
  // fails the request.
  std::function<void(const std::string& of, BeginningPart part)> on_beginning = {};
  std::int64_t beginning_part = 0;
};

struct ContinuationScore {
  std::vector<double> logprobs;  // natural logarithms, one per token
  double total = 0.0;
  // True when each token is the one that greedy decoding would have chosen.
  bool greedy = true;
};

struct CompletionTimings {   // seconds
  double queued = 0.0;       // from submit() until it first ran
  double prefill = 0.0;      // from then until its prompt was computed
  double first_token = 0.0;  // from submit() to the first token (time to first token)
  double decode = 0.0;       // from the first token to the last
  double total = 0.0;        // from submit() to the end
};

struct Completion {
  RequestId id = 0;
  std::vector<Generation> samples;
  std::vector<ContinuationScore> continuations;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, not computed for this request
  std::int64_t preemptions = 0;
  CompletionTimings timings;
  // What went wrong, if anything; what was generated before is in `samples`. A timeout is
  // kLimit. A cancelled request has no error: its samples' reason is kCancelled.
  std::optional<Failure> error;
};

struct EngineStats {
  // Requests. submitted = completed + failed + waiting + running; cancelled ones are completed.
  std::int64_t submitted = 0, completed = 0, failed = 0, cancelled = 0;
  std::int64_t waiting = 0, running = 0;
  // Tokens.
  std::int64_t prompt_tokens = 0;       // of prompts that have been computed
  std::int64_t cached_tokens = 0;       // of those, found in memory or in cache_dir
  std::int64_t disk_cached_tokens = 0;  // of those, found in cache_dir
  std::int64_t prefilled_tokens = 0;    // of prompts and continuations, computed
  std::int64_t recomputed_tokens = 0;   // computed again after a preemption
  std::int64_t generated_tokens = 0;
  // Steps: forward passes, and the seconds in them and around them.
  std::int64_t steps = 0;
  double forward_seconds = 0.0;
  double step_seconds = 0.0;
  // Memory.
  std::int64_t preemptions = 0;
  std::int64_t spilled = 0;  // of those, written to the spill file
  std::uint64_t kv_bytes = 0, kv_bytes_used = 0;
};

// Whoever answers requests: an Engine, or workers elsewhere (lathe/workers/pool.h). Belongs to one
// thread at a time.
class LATHE_API RequestRunner {
 public:
  virtual ~RequestRunner();

  // Queues a request. Throws, with nothing changed: kLimit when it could never fit (the context
  // or all of the KV memory), with both numbers; kInvalid (an empty prompt, an id out of the
  // vocabulary), kUsage (options).
  virtual RequestId submit(Request request) = 0;
  // Goes a step; returns what has ended. Does nothing when idle.
  virtual std::vector<Completion> step() = 0;
  // Ends a request now; its completion comes with the next step(). False when it is unknown or
  // has ended.
  virtual bool cancel(RequestId id) = 0;
  // True when there is neither a request nor a completion to come.
  virtual bool idle() const noexcept = 0;
  virtual EngineStats stats() const noexcept = 0;
};

// Its steps are forward passes.
class LATHE_API Engine : public RequestRunner {
 public:
  // Without a tokenizer (null) answers have ids and no text. Throws kUsage (options out of
  // range), kLimit (memory), kIo (the spill file or the cache folder cannot be made).
  static std::unique_ptr<Engine> create(std::shared_ptr<const Model> model,
                                        std::shared_ptr<const Tokenizer> tokenizer,
                                        const EngineOptions& options = {});

  // Positions that one sequence may hold.
  virtual std::int64_t context() const noexcept = 0;
  virtual const Model& model() const noexcept = 0;
  virtual int threads() const noexcept = 0;
};

}  // namespace lathe
