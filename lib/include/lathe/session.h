// The forward pass over a batch of sequences, with their keys and values.
//
//   const SequenceId a = session->add();
//   const SequenceInput input = {a, prompt};
//   std::span<const float> logits = session->forward({&input, 1});  // of the token after the
//   prompt
//   ...
//   session->drop(a);
//
// generate() (lathe/generate.h), Conversation and Engine drive a session for those who want text.
// A Session belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "lathe/export.h"
#include "lathe/model.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct KvUsage {
  std::int64_t tokens_stored = 0;  // positions, shared ones once
  std::int64_t max_tokens = 0;
  std::int64_t pages_used = 0;        // shared ones once
  std::int64_t max_pages = 0;         // 0: not bounded
  std::int64_t pages_allocated = 0;   // used now or before, and kept
  std::uint64_t bytes_allocated = 0;  // of those
};

struct ActivationRows;  // lathe/activations.h

// Sees every input of every step, from the thread that calls forward(). Must not throw.
using ActivationObserver = std::function<void(const ActivationRows&)>;

struct SessionOptions {
  int threads = 0;                // 0: available_cpus()
  KvType kv_type = KvType::kF16;  // float (unquantized) reference runs use kF32
  // KV positions over all sequences. 0: as many as max_pages hold, or else the model's context.
  std::int64_t max_tokens = 0;
  std::int64_t max_pages = 0;  // pages of the KV cache; 0: no bound of their own
  std::int64_t chunk = 512;    // longest piece of a prefill computed at once
  // Where some layers see a window only and others all: keep all that they had, too, so that a
  // sequence can fork anywhere and its pages serve other texts.
  bool whole_windows = false;
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
  // Throws kUsage (options out of range), kUnsupported (as kv_layout()), kLimit (memory). In an
  // ensemble each process has so many threads, positions and pages.
  static std::unique_ptr<Session> create(std::shared_ptr<const Model> model,
                                         const SessionOptions& options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A new, empty sequence.
  SequenceId add();
  // A sequence that shares the first `length` positions of another (copy on write).
  SequenceId fork(SequenceId source, std::int64_t length);
  // Whether it still has what those positions need: not so where their beginning has left the
  // sliding window.
  bool can_fork(SequenceId source, std::int64_t length) const;
  // Keeps the first `length` positions only (speculation, backtracking).
  void truncate(SequenceId sequence, std::int64_t length);
  void drop(SequenceId sequence);
  std::int64_t length(SequenceId sequence) const;

  // Appends tokens to sequences and computes. The result has one row of vocab_size logits per
  // wanted token, in the order of the inputs; it is valid until the next call. Throws kLimit,
  // with both numbers, when a sequence would pass the context or the KV memory is full, and
  // kInvalid for a token id that is out of range: nothing has changed then.
  std::span<const float> forward(std::span<const SequenceInput> inputs);

  // The same with rows of hidden_size floats in place of logits: what the model holds of a token
  // behind `layer` layers (0: its embedding), and behind the last one (-1, or num_layers) what the
  // output matrix is multiplied with, normed. Throws kUsage for a layer that is not there.
  std::span<const float> hidden_states(std::span<const SequenceInput> inputs,
                                       std::int64_t layer = -1);

  // Positions that one sequence may hold: the model's context, or less when max_tokens or
  // max_pages say so.
  std::int64_t context() const noexcept;
  KvUsage kv_usage() const noexcept;
  const Model& model() const noexcept;
  int threads() const noexcept;

 private:
  friend class EnsembleFollower;
  friend class SessionPages;
  class State;
  explicit Session(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace lathe
