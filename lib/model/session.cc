#include "lathe/session.h"

#include <new>
#include <utility>

#include "base/fail.h"
#include "model/ensemble_calls.h"
#include "model/ensemble_orders.h"
#include "model/loaded_model.h"
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
  const LoadedModel& loaded = *model->loaded_;
  std::unique_ptr<State> state;
  const auto open_here = [&] {
    try {
      state = std::make_unique<State>(model, loaded, options);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::kLimit, "out of memory while making a session");
    }
  };
  if (loaded.ensemble() == nullptr) {
    open_here();
  } else {
    const EnsembleCalls calls(*loaded.ensemble());
    const auto turn = calls.turn();
    const std::uint64_t number = calls.next_number();
    calls.send(open_order(number, loaded.number(), options));
    calls.together(open_here);
    state->set_number(number);
  }
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

SequenceId Session::add() { return state_->add(); }

SequenceId Session::fork(SequenceId source, std::int64_t length) {
  return state_->fork(source, length);
}

bool Session::can_fork(SequenceId source, std::int64_t length) const {
  return state_->cache().can_fork(source, length);
}

void Session::truncate(SequenceId sequence, std::int64_t length) {
  state_->truncate(sequence, length);
}

void Session::drop(SequenceId sequence) { state_->drop(sequence); }

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
