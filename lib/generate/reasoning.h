// Takes an answer apart into reasoning and text, as it comes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/reasoning.h"

namespace lathe {

class ReasoningSplitter {
 public:
  explicit ReasoningSplitter(const ReasoningMarks& marks);

  // Takes the next piece of the answer: plain text, then the control token that follows it, if one
  // does. Returns what is certain to be the answer's; its control tokens are left out, as ever.
  std::string push(std::string_view text, std::string_view control);
  // What was held back, when the answer ends here.
  std::string finish();
  // What of the answer is reasoning, up to here: without white space at its ends.
  std::string reasoning() const;

 private:
  // Takes away what stands in front of a mark that is there, and the mark; whether one was.
  bool take_mark(std::string& out);
  // Gives `end` bytes of what is held to where they belong.
  void give(std::size_t end, std::string& out);
  std::size_t held_back() const;

  const ReasoningMarks& marks_;
  bool inside_;
  bool starts_ = false;        // nothing was shown since the reasoning ended
  std::string held_;           // not given out yet
  std::vector<bool> control_;  // of each byte of held_
  std::string reasoning_;
};

}  // namespace lathe
