// A model ready to run, and the forward pass over a batch of sequences.
//
//   Checkpoint ── Model (weights, shared, immutable)
//                   └── Session (threads, scratch, KV cache): add(), forward(), drop()
//
// Model is immutable and may be shared by sessions and threads. A Session belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/export.h"
#include "lathe/lora.h"
#include "lathe/model_config.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct LoadOptions {
  // Reads the weights into memory of the process; otherwise they are used where the file is
  // mapped, and shared with other processes.
  bool in_memory = false;
  // Keeps the weights from being paged out. kLimit when the process may not lock so much.
  bool lock = false;
  // For what must be re-expressed (ggml's blocks). 0: available_cpus()
  int threads = 0;
};

class LATHE_API Model {
 public:
  // Throws kUnsupported (a vocabulary alone, an adapter that must be merged), kInvalid (an
  // adapter that does not fit), kLimit (memory). With an adapter its products are computed beside
  // those of the matrices, which stay as they are: quantized ones too.
  static std::shared_ptr<const Model> load(std::shared_ptr<const Checkpoint> checkpoint,
                                           std::shared_ptr<const LoraAdapter> adapter = nullptr,
                                           const LoadOptions& options = {});
  virtual ~Model();

  virtual const ModelConfig& config() const noexcept = 0;
  virtual std::uint64_t parameters() const noexcept = 0;
  virtual std::uint64_t weight_bytes() const noexcept = 0;
  // Whether the logits of a position have the same bits whatever else a step computes: true for
  // quantized models, with an adapter or without.
  virtual bool batch_invariant() const noexcept = 0;
  // lathe::fingerprint() of the checkpoint.
  virtual std::string fingerprint() const = 0;
  // For who waits for something else before the first step: maps the weights' pages, which that
  // step would stop for one after the other, and reads those that are only on disk. Asks `enough`
  // every few megabytes, and returns when it says so or all are there. From any thread.
  virtual void fetch_weights(const std::function<bool()>& enough) const { (void)enough; }
};

enum class KvType { kF16, kF32, kInt8 };

// How a session keeps keys and values: in pages of page_tokens positions, each page those of
// all layers and heads.
struct KvLayout {
  KvType type = KvType::kF16;
  std::int64_t page_tokens = 0;
  std::size_t page_bytes = 0;
  // One line of text that says all that the bytes of a page depend on besides the weights and
  // the tokens: type, sizes and a version of the arrangement. Pages may go from one session
  // to another where these are equal and the model is the same. (For quantized models the
  // bytes are then the same on every machine; for float models they may differ in the last
  // bits, as the logits do.)
  std::string fingerprint;
};

struct KvUsage {
  std::int64_t tokens_stored = 0;  // positions, shared ones once
  std::int64_t max_tokens = 0;
  std::int64_t pages_used = 0;       // shared ones once
  std::int64_t max_pages = 0;        // 0: not bounded
  std::int64_t pages_allocated = 0;  // used now or before, and kept
};

// Which matrices an input goes to.
enum class ActivationPoint {
  kAttentionInput,   // q, k and v
  kAttentionOutput,  // o
  kMlpInput,         // gate and up
  kMlpHidden,        // down
  kHead,             // the output matrix (layer is num_layers)
};

// Rows of activations on their way into matrices: rows × cols floats, tight.
struct ActivationRows {
  ActivationPoint point = ActivationPoint::kHead;
  std::int64_t layer = 0;
  const float* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

// Sees every input of every step, from the thread that calls forward(). Must not throw.
using ActivationObserver = std::function<void(const ActivationRows&)>;

struct SessionOptions {
  int threads = 0;                // 0: available_cpus()
  KvType kv_type = KvType::kF16;  // float (unquantized) reference runs use kF32
  // KV positions over all sequences. 0: as many as max_pages hold, or else the model's context.
  std::int64_t max_tokens = 0;
  std::int64_t max_pages = 0;        // pages of the KV cache; 0: no bound of their own
  std::int64_t chunk = 512;          // longest piece of a prefill computed at once
  ActivationObserver observer = {};  // for calibration; may be empty
};

using SequenceId = std::int32_t;

// One sequence's part of a step: tokens to append, and for which of them logits are wanted.
struct SequenceInput {
  SequenceId sequence = 0;
  std::span<const TokenId> tokens;
  bool all_logits = false;  // false: logits of the last token only
};

class LATHE_API Session {
 public:
  static std::unique_ptr<Session> create(std::shared_ptr<const Model> model,
                                         const SessionOptions& options = {});
  virtual ~Session();

  // A new, empty sequence.
  virtual SequenceId add() = 0;
  // A sequence that shares the first `length` positions of another (copy on write).
  virtual SequenceId fork(SequenceId source, std::int64_t length) = 0;
  // Whether it still has what those positions need: not so where their beginning has left the
  // sliding window.
  virtual bool can_fork(SequenceId source, std::int64_t length) const = 0;
  // Keeps the first `length` positions only (speculation, backtracking).
  virtual void truncate(SequenceId sequence, std::int64_t length) = 0;
  virtual void drop(SequenceId sequence) = 0;
  virtual std::int64_t length(SequenceId sequence) const = 0;

  // Appends tokens to sequences and computes. The result has one row of vocab_size logits per
  // wanted token, in the order of the inputs; it is valid until the next call. Throws kLimit,
  // with both numbers, when a sequence would pass the context or the KV memory is full, and
  // kInvalid for a token id that is out of range: nothing has changed then.
  virtual std::span<const float> forward(std::span<const SequenceInput> inputs) = 0;

  // Positions that one sequence may hold: the model's context, or less when max_tokens or
  // max_pages say so.
  virtual std::int64_t context() const noexcept { return model().config().max_position; }

  // Positions that a sequence keeps at most while it grows to `length`: all of them, or what a
  // sliding window leaves.
  virtual std::int64_t most_stored(std::int64_t length) const noexcept { return length; }

  virtual KvLayout kv_layout() const = 0;
  virtual KvUsage kv_usage() const noexcept = 0;
  struct SequencePages {
    std::int64_t first = 0;  // pages before it have left the sliding window (0 without one)
    std::int64_t count = 0;  // pages from there on, the last perhaps in part
    std::int64_t alone = 0;  // of those, the ones that no other sequence shares
  };
  virtual SequencePages pages(SequenceId sequence) const = 0;
  // Copies `count` pages from page `first` on (positions from first · page_tokens) to `out`,
  // of exactly count · page_bytes. Positions past the sequence's length are zeros: what an
  // earlier sequence left in a page does not show. Throws kInvalid.
  virtual void export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                            std::span<std::byte> out) const = 0;
  // Lengthens a sequence, whose length must be a multiple of page_tokens, by `tokens`
  // positions whose keys and values are given as export_pages() gave them; the last page may
  // be in part. To restore a sequence whose first pages had left the window, append what is
  // left to an empty one: `tokens` counts them all, and the missing pages are the first.
  // Throws kInvalid (sizes that do not match), kLimit: nothing has changed then. What the
  // bytes say is taken as it is: whoever stores them checks them.
  virtual void append_pages(SequenceId sequence, std::int64_t tokens,
                            std::span<const std::byte> pages) = 0;

  virtual const Model& model() const noexcept = 0;
  virtual int threads() const noexcept = 0;
};

}  // namespace lathe
