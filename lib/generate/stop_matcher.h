// Finds stop texts in a text that arrives in pieces, and holds back what could be the
// beginning of one.
//
// The result does not depend on how the text is cut: the stop text that is complete first
// wins, and of those complete at the same byte the longest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class StopMatcher {
 public:
  // Empty stop texts are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  // Takes the next piece; returns what is certain now: no part of a stop text that is
  // complete or may become so. Nothing more comes once matched().
  std::string push(std::string_view piece);
  // What was held back, when the text ends here.
  std::string finish();

  // Bytes that are held back.
  std::size_t held() const noexcept { return held_.size(); }
  bool matched() const noexcept { return matched_; }
  const std::string& match() const noexcept { return match_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string match_;
  bool matched_ = false;
};

}  // namespace lathe
