#include "lathe/session.h"

#include <new>
#include <utility>

#include "base/fail.h"
#include "model/session_state.h"

namespace lathe {

Session::Session(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

Session::~Session() = default;

std::unique_ptr<Session> Session::create(std::shared_ptr<const Model> model,
                                         const SessionOptions& options) {
  if (options.threads < 0 || options.max_tokens < 0 || options.max_pages < 0 || options.chunk < 1) {
    fail(ErrorCode::kUsage,
         "a session cannot have {} threads, {} KV positions, {} KV pages and pieces of {} tokens",
         options.threads, options.max_tokens, options.max_pages, options.chunk);
  }
  if (model == nullptr) fail(ErrorCode::kUsage, "a session needs a model");
  try {
    const LoadedModel& loaded = *model->loaded_;
    return std::unique_ptr<Session>(
        new Session(std::make_unique<State>(std::move(model), loaded, options)));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "out of memory while making a session");
  }
}

SequenceId Session::add() { return state_->cache().add(); }

SequenceId Session::fork(SequenceId source, std::int64_t length) {
  return state_->cache().fork(source, length);
}

bool Session::can_fork(SequenceId source, std::int64_t length) const {
  return state_->cache().can_fork(source, length);
}

void Session::truncate(SequenceId sequence, std::int64_t length) {
  state_->cache().truncate(sequence, length);
}

void Session::drop(SequenceId sequence) { state_->cache().drop(sequence); }

std::int64_t Session::length(SequenceId sequence) const { return state_->cache().length(sequence); }

std::span<const float> Session::forward(std::span<const SequenceInput> inputs) {
  return state_->forward(inputs);
}

std::span<const float> Session::hidden_states(std::span<const SequenceInput> inputs,
                                              std::int64_t layer) {
  return state_->hidden_states(inputs, layer);
}

std::int64_t Session::context() const noexcept { return state_->context(); }

KvUsage Session::kv_usage() const noexcept { return state_->cache().usage(); }

const Model& Session::model() const noexcept { return state_->model(); }

int Session::threads() const noexcept { return state_->threads(); }

}  // namespace lathe
