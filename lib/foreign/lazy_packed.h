// A foreign matrix as a packed tensor, made when somebody first asks for it.
#pragma once

#include <cstddef>
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
  // The tensor, on a multiple of 64; the first call makes it, on default_threads(), and it stays in
  // memory. Empty when memory is short.
  std::span<const std::byte> bytes() const noexcept;

 private:
  void make() const noexcept;

  std::shared_ptr<const ForeignMatrix> matrix_;
  mutable std::once_flag once_;
  mutable std::span<std::byte> bytes_;  // a mapping
};

}  // namespace lathe
