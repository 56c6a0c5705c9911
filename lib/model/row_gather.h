// Rows of floats of which each process of an ensemble has some columns, made whole.
//
// Scratch is kept from call to call. Belongs to one session; every process calls the same members
// in the same order.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lathe/tokenizer.h"

#include "model/ensemble_calls.h"
#include "model/float_buffer.h"
#include "model/split.h"
#include "parallel/thread_pool.h"

namespace lathe {

class RowGather {
 public:
  // `ensemble` may be null: then the process has all, and there is nothing to do.
  RowGather(Ensemble* ensemble, ThreadPool& pool);

  Member member() const noexcept { return member_; }
  bool alone() const noexcept { return member_.size == 1; }

  // y [rows][stride]: this process has the columns split.of(member()) of each row; then every one
  // has all. May throw std::bad_alloc.
  void to_all(float* y, std::int64_t rows, std::int64_t stride, const Split& split) {
    gather(y, rows, stride, split, false);
  }
  // Then process 0 has all; what the others have besides their own is undefined.
  void to_first(float* y, std::int64_t rows, std::int64_t stride, const Split& split) {
    gather(y, rows, stride, split, true);
  }
  // out [tokens][cols] of a matrix of which each process has the rows split.of(member()): row
  // tokens[i], which `row` writes where this process has it. May throw std::bad_alloc.
  void rows_of(std::span<const TokenId> tokens, std::int64_t cols, const Split& split, float* out,
               const std::function<void(std::int64_t token, float* out)>& row);

 private:
  void gather(float* y, std::int64_t rows, std::int64_t stride, const Split& split,
              bool first_only);
  void exchange(float* all, std::int64_t each, bool first_only) noexcept;

  Ensemble* ensemble_;
  ThreadPool& pool_;
  Member member_;
  std::vector<Range> ranges_;         // by process
  std::vector<std::int64_t> places_;  // by process: columns, or rows, before its own
  std::vector<std::int64_t> counts_;  // by process: bytes
  FloatBuffer buffer_;
};

}  // namespace lathe
