// What the library does with an ensemble (lathe/ensemble.h): orders from process 0 to the others,
// what all processes do together, and gathering.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lathe/ensemble.h"
#include "lathe/failure.h"

#include "base/byte_reader.h"
#include "model/split.h"

namespace lathe {

// The bytes of an order, which a ByteReader reads in the same order.
class OrderText {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(T value) { put_bytes(std::as_bytes(std::span(&value, 1))); }
  void put_bytes(std::span<const std::byte> bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // With its length before it.
  void put_text(std::string_view text) {
    put(static_cast<std::uint64_t>(text.size()));
    put_bytes(std::as_bytes(std::span(text.data(), text.size())));
  }
  template <typename T>
  void put_list(std::span<const T> list) {
    put(static_cast<std::uint64_t>(list.size()));
    put_bytes(std::as_bytes(list));
  }

  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(bytes_)); }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::string bytes_;
};

std::string_view take_text(ByteReader& order);
template <typename T>
std::vector<T> take_list(ByteReader& order) {
  const auto count = order.read<std::uint64_t>("a list's length");
  const auto bytes = order.take(count * sizeof(T), "a list");
  std::vector<T> out(static_cast<std::size_t>(count));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

class EnsembleCalls {
 public:
  explicit EnsembleCalls(Ensemble& ensemble) noexcept : state_(*ensemble.state_) {}

  Member member() const noexcept;
  bool leads() const noexcept { return member().rank == 0; }

  // Held by process 0 from an order until what it asks for is done.
  std::unique_lock<std::mutex> turn() const;
  // A number for a model or a session.
  std::uint64_t next_number() const noexcept;

  // Of process 0, to all others, each of which receives it. Nothing happens after end().
  void send(std::span<const std::byte> order) const noexcept;
  std::vector<std::byte> receive() const;

  // Runs in every process; where it threw in one, throws what that threw in all.
  void together(const std::function<void()>& what) const;

  // As EnsembleTransport's.
  void gather(std::span<std::byte> all, std::span<const std::int64_t> counts,
              bool first_only) const noexcept;
  void pass(std::span<std::byte> bytes, int from, int to) const noexcept;
  [[noreturn]] void abort(const Failure& failure) const noexcept;

 private:
  Ensemble::State& state_;
};

}  // namespace lathe
