#include "model/ensemble_follower.h"

#include <utility>

#include "lathe/checkpoint.h"

#include "base/escape.h"
#include "base/fail.h"
#include "model/copied_checkpoint.h"
#include "model/ensemble_calls.h"
#include "model/ensemble_orders.h"
#include "model/loaded_model.h"
#include "model/session_state.h"

namespace lathe {

EnsembleFollower::EnsembleFollower(Ensemble& ensemble)
    : ensemble_(ensemble), alias_(std::shared_ptr<Ensemble>(), &ensemble) {}

EnsembleFollower::~EnsembleFollower() = default;

void EnsembleFollower::obey(std::span<const std::byte> bytes) {
  ByteReader order(bytes, "an order");
  const auto what = static_cast<Order>(order.read<std::uint8_t>("what to do"));
  const auto number = order.read<std::uint64_t>("a number");
  switch (what) {
    case Order::kLoad:
      return load(number, order);
    case Order::kUnload:
      models_.erase(number);
      return;
    case Order::kOpen:
      return open(number, order);
    case Order::kClose:
      sessions_.erase(number);
      return;
    case Order::kStep:
      sessions_.at(number)->follow_step(order);
      return;
  }
}

void EnsembleFollower::load(std::uint64_t number, ByteReader& order) {
  const EnsembleCalls calls(ensemble_);
  try {
    std::unique_ptr<LoadedModel> loaded;
    calls.together([&] {
      LoadRequest request(order);
      std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open(request.path);
      if (identity_of(*checkpoint) != request.identity) {
        fail_invalid("{}: is another model than that of process 0", quoted(request.path));
      }
      request.options.ensemble = alias_;
      if (request.by_layers) ensemble_.share_layers();
      if (request.options.in_memory) {
        const Share share = share_of(*checkpoint, request.options);
        checkpoint = copy_to_memory(std::move(checkpoint), share);
      }
      loaded = std::make_unique<LoadedModel>(std::move(checkpoint), request.adapter.get(),
                                             request.options);
    });
    loaded->settle();
    const std::shared_ptr<const Model> model(new Model(std::move(loaded)));
    models_.emplace(number, model);
    // The first step needs them all, and process 0 has other things to read until then.
    model->fetch_weights([] { return false; });
  } catch (const Error&) {
    // Process 0 says it.
  }
}

void EnsembleFollower::open(std::uint64_t number, ByteReader& order) {
  try {
    std::unique_ptr<Session::State> state;
    EnsembleCalls(ensemble_).together([&] {
      const auto& model = models_.at(order.read<std::uint64_t>("a model"));
      state =
          std::make_unique<Session::State>(model, loaded_of(*model), take_session_options(order));
    });
    sessions_.emplace(number, std::move(state));
  } catch (const Error&) {
    // Process 0 says it.
  }
}

}  // namespace lathe
