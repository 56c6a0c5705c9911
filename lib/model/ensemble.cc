#include "lathe/ensemble.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

#include "lathe/error.h"

#include "base/fail.h"
#include "model/ensemble_calls.h"
#include "model/ensemble_follower.h"

namespace lathe {
namespace {

// An order goes with its length in one message of so many bytes where it has room there: tokens and
// a few operations.
constexpr std::size_t kFirstMessage = 1024;
constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);

// What a process says of what all did.
struct Outcome {
  std::int32_t code = 0;  // 0: done
  char message[1020] = {};
};

Outcome outcome_of(const Failure& failure) {
  Outcome out;
  out.code = static_cast<std::int32_t>(failure.code);
  const std::size_t length = std::min(failure.message.size(), sizeof(out.message) - 1);
  std::memcpy(out.message, failure.message.data(), length);
  return out;
}

}  // namespace

class Ensemble::State {
 public:
  explicit State(std::unique_ptr<EnsembleTransport> t) : transport(std::move(t)) {}

  std::unique_ptr<EnsembleTransport> transport;
  std::mutex turn;
  std::uint64_t numbers = 0;
  bool ended = false;
  bool by_layers = false;
  Traffic traffic;
};

Ensemble::Ensemble(std::unique_ptr<EnsembleTransport> transport)
    : state_(std::make_unique<State>(std::move(transport))) {}

Ensemble::~Ensemble() = default;

int Ensemble::rank() const noexcept { return state_->transport->rank(); }

int Ensemble::size() const noexcept { return state_->transport->size(); }

Ensemble::Traffic Ensemble::traffic() const noexcept { return state_->traffic; }

void Ensemble::share_layers() noexcept { state_->by_layers = true; }

bool Ensemble::shares_layers() const noexcept { return state_->by_layers; }

void Ensemble::end() noexcept {
  const std::lock_guard lock(state_->turn);
  EnsembleCalls(*this).send({});
  state_->ended = true;
}

void Ensemble::follow() noexcept {
  const EnsembleCalls calls(*this);
  try {
    EnsembleFollower follower(*this);
    for (;;) {
      const std::vector<std::byte> order = calls.receive();
      if (order.empty()) return;
      follower.obey(order);
    }
  } catch (const Error& error) {
    calls.abort({error.code(), error.message()});
  } catch (const std::exception& error) {
    calls.abort({ErrorCode::kBug, error.what()});
  }
}

std::string_view take_text(ByteReader& order) {
  const auto length = order.read<std::uint64_t>("a text's length");
  return order.take_string(length, "a text");
}

Member EnsembleCalls::member() const noexcept {
  return {state_.transport->rank(), state_.transport->size()};
}

std::unique_lock<std::mutex> EnsembleCalls::turn() const { return std::unique_lock(state_.turn); }

std::uint64_t EnsembleCalls::next_number() const noexcept { return ++state_.numbers; }

void EnsembleCalls::send(std::span<const std::byte> order) const noexcept {
  if (state_.ended) return;
  std::array<std::byte, kFirstMessage> first = {};
  const std::uint64_t size = order.size();
  std::memcpy(first.data(), &size, kLengthBytes);
  const std::size_t here = std::min(order.size(), kFirstMessage - kLengthBytes);
  std::copy_n(order.data(), here, first.data() + kLengthBytes);
  state_.transport->broadcast(first, true);
  state_.traffic.calls += 1;
  state_.traffic.bytes += first.size();
  if (here == order.size()) return;
  const std::span<const std::byte> rest = order.subspan(here);
  // What process 0 broadcasts is only read.
  state_.transport->broadcast({const_cast<std::byte*>(rest.data()), rest.size()}, false);
  state_.traffic.calls += 1;
  state_.traffic.bytes += rest.size();
}

std::vector<std::byte> EnsembleCalls::receive() const {
  std::array<std::byte, kFirstMessage> first = {};
  state_.transport->broadcast(first, true);
  std::uint64_t size = 0;
  std::memcpy(&size, first.data(), kLengthBytes);
  std::vector<std::byte> order(static_cast<std::size_t>(size));
  const std::size_t here = std::min(order.size(), kFirstMessage - kLengthBytes);
  std::copy_n(first.data() + kLengthBytes, here, order.data());
  if (here < order.size()) state_.transport->broadcast(std::span(order).subspan(here), false);
  return order;
}

void EnsembleCalls::together(const std::function<void()>& what) const {
  std::optional<Failure> failure;
  try {
    what();
  } catch (const Error& error) {
    failure = {error.code(), error.message()};
  } catch (const std::bad_alloc&) {
    failure = {ErrorCode::kLimit, "out of memory"};
  } catch (const std::exception& error) {
    failure = {ErrorCode::kBug, error.what()};
  }
  const Member member = this->member();
  const auto count = static_cast<std::size_t>(member.size);
  const auto rank = static_cast<std::size_t>(member.rank);
  std::vector<std::byte> bad(count);
  bad[rank] = std::byte{failure.has_value()};
  const std::vector<std::int64_t> ones(count, 1);
  gather(bad, ones, false);
  if (std::find(bad.begin(), bad.end(), std::byte{1}) == bad.end()) return;
  std::vector<Outcome> all(count);
  if (failure) all[rank] = outcome_of(*failure);
  const std::vector<std::int64_t> sizes(count, static_cast<std::int64_t>(sizeof(Outcome)));
  gather(std::as_writable_bytes(std::span(all)), sizes, false);
  const auto first = std::find_if(all.begin(), all.end(), [](auto& o) { return o.code != 0; });
  const auto code = static_cast<ErrorCode>(first->code);
  if (first == all.begin()) throw Error(code, first->message);
  fail(code, "process {} of {}: {}", first - all.begin(), count, first->message);
}

void EnsembleCalls::gather(std::span<std::byte> all, std::span<const std::int64_t> counts,
                           bool first_only) const noexcept {
  state_.transport->gather(all, counts, first_only);
  state_.traffic.calls += 1;
  state_.traffic.bytes += all.size();
}

void EnsembleCalls::pass(std::span<std::byte> bytes, int from, int to) const noexcept {
  state_.transport->pass(bytes, from, to);
  state_.traffic.calls += 1;
  state_.traffic.bytes += bytes.size();
}

void EnsembleCalls::abort(const Failure& failure) const noexcept {
  state_.transport->abort(static_cast<int>(failure.code), failure.message);
  std::abort();  // says to the compiler, too, that nobody comes here
}

}  // namespace lathe
