// One answer on its way through a grammar.
//
// Belongs to one thread at a time; several guides of one constraint may run side by side. Errors:
// kLimit (recognizer.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/constraint.h"

#include "constraint/recognizer.h"
#include "constraint/text_ahead.h"
#include "constraint/token_mask.h"

namespace lathe {

class Guide {
 public:
  // `begins`: the first token of this answer loses a space at its beginning, since the text so far
  // is empty.
  Guide(std::shared_ptr<const Constraint> constraint, bool begins);
  ~Guide();
  Guide(const Guide&) = delete;
  Guide& operator=(const Guide&) = delete;

  // The tokens that may come, the end aside. Computed when it is first asked for.
  const TokenMask& mask();
  // Whether the text may end here, and whether it may go on.
  bool complete() const noexcept { return complete_; }
  bool goes_on() const noexcept { return goes_on_; }
  // Goes on with one of them.
  void accept(TokenId id);
  // Whether at most so many tokens complete the text, behind one more that may come.
  bool ends_within(TokenId next, std::size_t most) const;
  // So few tokens as complete the text; nothing where more than `most` are needed.
  std::optional<std::vector<TokenId>> ending(std::size_t most) const;
  // Text that probably comes next, since the grammar hardly leaves another (text_ahead.h).
  std::string text_ahead(std::size_t most) const;

 private:
  friend class ConstraintImpl;

  std::shared_ptr<const Constraint> constraint_;
  ConfigId at_ = 0;
  bool begins_;
  bool complete_ = false, goes_on_ = true;
  TextAhead ahead_;
  std::shared_ptr<const TokenMask> mask_;
};

}  // namespace lathe
