// Whether the drafts of a smaller model gave more than they took, by what passes really cost:
// rates that hold on the whole can promise what a batch does not keep. Belongs to one thread.
#pragma once

#include <cstdint>

namespace lathe {

class DraftBalance {
 public:
  // A pass of so many sequences begins, and its drafts took so long to write.
  void begin(std::int64_t sequences, double drafting) noexcept { pass_ = {sequences, drafting}; }
  void note_pass(double seconds) noexcept { pass_.seconds = seconds; }
  void note_held(std::int64_t tokens) noexcept { pass_.held += tokens; }
  // Ends the pass: what its tokens would have cost in passes that take `plain` seconds.
  void end(double plain) noexcept;

  // Whether drafts lost time, over the passes that were ended last; not before there are enough.
  bool has_lost() const noexcept { return passes_ >= kEnough && gain_ < 0.0; }
  bool has_won() const noexcept { return passes_ >= kEnough && gain_ >= 0.0; }
  void forget() noexcept { *this = {}; }

 private:
  static constexpr std::int64_t kEnough = 16;

  struct Pass {
    std::int64_t sequences = 0;
    double drafting = 0.0, seconds = 0.0;
    std::int64_t held = 0;
  };
  Pass pass_;
  std::int64_t passes_ = 0;
  double gain_ = 0.0;  // mean, in passes without drafts
};

}  // namespace lathe
