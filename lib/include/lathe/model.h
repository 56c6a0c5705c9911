// A model ready to run, and the forward pass over a batch of sequences.
//
//   Checkpoint ── Model (weights, shared, immutable)
//                   └── Session (threads, scratch, KV cache): add(), forward(), drop()
//
// Model is immutable and may be shared by sessions and threads. A Session belongs to one
// thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/export.h"
#include "lathe/model_config.h"
#include "lathe/tokenizer.h"

namespace lathe {

class LATHE_API Model {
 public:
  // Throws kUnsupported (a family or tensor type that cannot run), kInvalid (tensors that do
  // not fit the config), kLimit (memory).
  static std::shared_ptr<const Model> load(std::shared_ptr<const Checkpoint> checkpoint);
  virtual ~Model();

  virtual const ModelConfig& config() const noexcept = 0;
  virtual std::uint64_t parameters() const noexcept = 0;
  virtual std::uint64_t weight_bytes() const noexcept = 0;
};

enum class KvType { kF16, kF32, kInt8 };

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
  int threads = 0;                   // 0: available_cpus()
  KvType kv_type = KvType::kF16;     // float (unquantized) reference runs use kF32
  std::int64_t max_tokens = 0;       // KV positions over all sequences; 0: the model's context
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
  // Keeps the first `length` positions only (speculation, backtracking).
  virtual void truncate(SequenceId sequence, std::int64_t length) = 0;
  virtual void drop(SequenceId sequence) = 0;
  virtual std::int64_t length(SequenceId sequence) const = 0;

  // Appends tokens to sequences and computes. The result has one row of vocab_size logits per
  // wanted token, in the order of the inputs; it is valid until the next call. Throws kLimit,
  // with both numbers, when a sequence would pass the context or the KV memory is full, and
  // kInvalid for a token id that is out of range: nothing has changed then.
  virtual std::span<const float> forward(std::span<const SequenceInput> inputs) = 0;

  // Positions that one sequence may hold: the model's context, or less when max_tokens says so.
  virtual std::int64_t context() const noexcept { return model().config().max_position; }
  virtual const Model& model() const noexcept = 0;
  virtual int threads() const noexcept = 0;
};

}  // namespace lathe
