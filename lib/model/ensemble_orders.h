// What process 0 of an ensemble asks the others for: bytes of an order, and reading them.
//
// Each begins with its Order and the number of the model or session that it concerns; an empty one
// is the end. All processes are of the same build (the first order says which), so numbers go as
// they lie in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/lora.h"
#include "lathe/model.h"
#include "lathe/session.h"

#include "model/ensemble_calls.h"
#include "model/kv_cache.h"

namespace lathe {

enum class Order : std::uint8_t { kLoad, kUnload, kOpen, kClose, kStep };

// What happened to the sequences of a session before a step.
enum class StepNote : std::uint8_t { kEnd, kAdd, kFork, kTruncate, kDrop };

std::vector<std::byte> load_order(std::uint64_t number, const Checkpoint& checkpoint,
                                  const LoraAdapter* adapter, const LoadOptions& options);
std::vector<std::byte> unload_order(std::uint64_t number);
std::vector<std::byte> open_order(std::uint64_t number, std::uint64_t model,
                                  const SessionOptions& options);
std::vector<std::byte> close_order(std::uint64_t number);
// `notes` as Session::State takes them; `wanted` its.
std::vector<std::byte> step_order(std::uint64_t number, const OrderText& notes, std::int64_t wanted,
                                  std::span<const SequenceInput> inputs);

// What a load_order() asks for, but for the ensemble.
struct LoadRequest {
  explicit LoadRequest(ByteReader& order);

  std::string path;
  std::string identity;  // identity_of() the checkpoint
  std::shared_ptr<const LoraAdapter> adapter;
  LoadOptions options;
  bool by_layers = false;  // Ensemble::shares_layers()
};

// One line that differs between models: of each tensor its name, type and size, and some of its
// bytes. Reads a few pages of each.
std::string identity_of(const Checkpoint& checkpoint);

SessionOptions take_session_options(ByteReader& order);

// The rest of a step_order() behind its notes.
struct StepInputs {
  explicit StepInputs(ByteReader& order);
  StepInputs(const StepInputs&) = delete;
  StepInputs& operator=(const StepInputs&) = delete;

  std::int64_t wanted = 0;
  std::vector<std::vector<TokenId>> tokens;
  std::vector<SequenceInput> inputs;  // of those
};

// Does to the cache what the notes of a step say.
void follow_notes(ByteReader& order, KvCache& cache);

}  // namespace lathe
