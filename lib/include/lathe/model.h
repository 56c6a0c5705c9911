// A model ready to run: the weights of a checkpoint, and what its keys and values will take.
//
//   Checkpoint ── Model (weights)
//                   └── Session (threads, scratch, keys and values; lathe/session.h)
//
// Immutable, and may be shared by sessions and threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lathe/checkpoint.h"
#include "lathe/export.h"

namespace lathe {

class Ensemble;      // lathe/ensemble.h
class LoadedModel;   // what a model is made of, for the library alone
class LoraAdapter;   // lathe/lora.h
struct ModelConfig;  // lathe/model_config.h

struct LoadOptions {
  // Reads the weights into memory of the process; otherwise they are used where the file is
  // mapped, and shared with other processes.
  bool in_memory = false;
  // Keeps the weights from being paged out. kLimit when the process may not lock so much.
  bool lock = false;
  // For what must be re-expressed (ggml's blocks). 0: available_cpus()
  int threads = 0;
  // Processes that share the model and compute it together; null: this one alone. The checkpoint is
  // one that each of them can open by its path.
  std::shared_ptr<Ensemble> ensemble = {};
};

// A model file makes one; nobody else does.
class LATHE_API Model {
 public:
  // Throws kUnsupported (a vocabulary alone, an adapter that must be merged), kInvalid (an
  // adapter that does not fit; a process of an ensemble that finds another model at the path),
  // kLimit (memory), and what any process of an ensemble throws. With an adapter its products are
  // computed beside those of the matrices, which stay as they are: quantized ones too.
  static std::shared_ptr<const Model> load(std::shared_ptr<const Checkpoint> checkpoint,
                                           std::shared_ptr<const LoraAdapter> adapter = nullptr,
                                           const LoadOptions& options = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const noexcept;
  std::uint64_t parameters() const noexcept;
  std::uint64_t weight_bytes() const noexcept;  // in an ensemble, of this process's share
  // Of the weights, what one token reads; of a layer's experts, those that it meets.
  std::uint64_t token_bytes() const noexcept;
  // Whether the logits of a position have the same bits whatever else a step computes: true for
  // quantized models, with an adapter or without.
  bool batch_invariant() const noexcept;
  // lathe::fingerprint() of the checkpoint, and of the adapter.
  std::string fingerprint() const;
  // For who waits for something else before the first step: maps the weights' pages, which that
  // step would stop for one after the other, and reads those that are only on disk. Asks `enough`
  // every few megabytes, and returns when it says so or all are there. From any thread.
  void fetch_weights(const std::function<bool()>& enough) const;

 private:
  friend class Session;
  friend class EnsembleFollower;
  friend const LoadedModel& loaded_of(const Model& model) noexcept;
  explicit Model(std::unique_ptr<const LoadedModel> loaded) noexcept;

  std::unique_ptr<const LoadedModel> loaded_;
};

// Integers with a scale for each position, turned by a Hadamard matrix: kInt8, kK8V4 (keys in 8
// bits, values in 4), kInt4 (keys in 6 bits, values in 4).
enum class KvType { kF16, kF32, kInt8, kInt4, kK8V4 };

// How keys and values are kept: in pages of page_tokens positions, each page those of all layers
// and heads.
struct KvLayout {
  KvType type = KvType::kF16;
  std::int64_t page_tokens = 0;
  std::size_t page_bytes = 0;
  // Under a sliding window: positions that a sequence keeps besides the piece that is computed;
  // 0: all of them.
  std::int64_t window_tokens = 0;
  // Where only some layers have a window: bytes of a page that are theirs, and positions whose keys
  // and values such layers keep besides the piece (0: all, or no such layers).
  std::size_t near_bytes = 0;
  std::int64_t near_tokens = 0;
  // One line of text that says all that the bytes of a page depend on besides the weights and
  // the tokens: type, sizes and a version of the arrangement. Pages may go from one session
  // to another where these are equal and the model is the same. (For quantized models the
  // bytes are then the same on every machine; for float models they may differ in the last
  // bits, as the logits do.)
  std::string fingerprint;

  // Positions that a sequence keeps at most while it grows to `length`, in pieces of `chunk`
  // (SessionOptions) at most.
  LATHE_API std::int64_t stored(std::int64_t length, std::int64_t chunk = 512) const noexcept;
  // Bytes of the pages that these take in a session without SessionOptions::whole_windows; the
  // largest number where there is none so large.
  LATHE_API std::uint64_t bytes(std::int64_t length, std::int64_t chunk = 512) const noexcept;
};

// What a session of this model keeps; in an ensemble, this process's part of it. Throws
// kUnsupported for heads that no page can hold.
LATHE_API KvLayout kv_layout(const Model& model, KvType type);

}  // namespace lathe
