#include "generate/stop_matcher.h"

#include <algorithm>
#include <utility>

#include "generate/unfinished.h"

namespace lathe {
StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::push(std::string_view piece) {
  if (matched_) return {};
  if (stops_.empty()) return std::string(piece);
  held_ += piece;

  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const std::size_t stop_end = at + stop.size();
    if (stop_end < end || (stop_end == end && stop.size() > match_.size())) {
      end = stop_end;
      match_ = stop;
    }
  }
  if (end != std::string::npos) {
    matched_ = true;
    std::string text = held_.substr(0, end - match_.size());
    held_.clear();
    return text;
  }

  std::size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, unfinished_length(held_, stop));
  std::string text = held_.substr(0, held_.size() - keep);
  held_.erase(0, text.size());
  return text;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace lathe
