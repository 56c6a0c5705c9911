// A foreign matrix as a packed tensor, made when somebody first asks for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "foreign/foreign_matrix.h"

namespace lathe {

// Thread-safe.
class LazyPacked {
 public:
  explicit LazyPacked(std::shared_ptr<const ForeignMatrix> matrix);
  ~LazyPacked();
  LazyPacked(const LazyPacked&) = delete;
  LazyPacked& operator=(const LazyPacked&) = delete;

  const ForeignMatrix& matrix() const noexcept { return *matrix_; }
  // The tensor, on a multiple of 64; the first call makes it, on its own thread, and it stays in
  // memory. (Who needs many asks for them from many threads.) Empty when memory is short.
  std::span<const std::byte> bytes() const noexcept;
  // Shows `use` the tensor. What bytes() has not made is made on default_threads(), and goes when
  // `use` returns. Throws kLimit when memory is short.
  void lend(const std::function<void(std::span<const std::byte>)>& use) const;

 private:
  std::shared_ptr<const ForeignMatrix> matrix_;
  mutable std::once_flag once_;
  mutable std::span<std::byte> bytes_;  // a mapping
  mutable std::atomic<bool> made_{false};
};

}  // namespace lathe
