// One step of the forward pass: which rows it computes and where each stands.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/session.h"

namespace lathe {

// Rows of one sequence at consecutive positions.
struct Segment {
  SequenceId sequence = 0;
  std::int64_t first_row = 0;
  std::int64_t first_position = 0;
  std::int64_t rows = 0;
};

struct Batch {
  std::vector<TokenId> tokens;          // [rows]
  std::vector<std::int64_t> positions;  // [rows]
  std::vector<SequenceId> sequences;    // [rows]
  std::vector<Segment> segments;        // in the order of their rows, covering all
  // The rows whose logits are wanted: for each segment none, its last or all of them.
  std::vector<Segment> wanted;

  std::int64_t rows() const noexcept { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t wanted_rows() const noexcept {
    std::int64_t n = 0;
    for (const Segment& s : wanted) n += s.rows;
    return n;
  }
};

}  // namespace lathe
