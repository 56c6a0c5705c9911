#include "tokenizer/jinja/text.h"

#include <algorithm>

namespace lathe::jinja {

Text Text::from_user(std::string bytes) {
  Text out(std::move(bytes));
  if (!out.empty()) out.user_.push_back({0, out.size()});
  return out;
}

bool Text::is_user(std::size_t at) const noexcept {
  const auto after = std::upper_bound(
      user_.begin(), user_.end(), at,
      [](std::size_t where, const ByteRange& range) { return where < range.begin; });
  return after != user_.begin() && at < std::prev(after)->end;
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text out;
  out.append(*this, begin, end);
  return out;
}

void Text::append(std::string_view bytes, bool user) {
  const std::size_t begin = size();
  bytes_ += bytes;
  if (user) mark(begin, size());
}

void Text::append(const Text& other, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  const std::size_t base = size();
  // `other` may be this very text: its ranges are read by index, and only those that stood there.
  const std::size_t count = other.user_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  const auto first =
      std::partition_point(other.user_.begin(), other.user_.end(),
                           [begin](const ByteRange& range) { return range.end <= begin; });
  for (auto i = static_cast<std::size_t>(first - other.user_.begin()); i < count; ++i) {
    const ByteRange range = other.user_[i];
    if (range.begin >= end) break;
    mark(base + std::max(range.begin, begin) - begin, base + std::min(range.end, end) - begin);
  }
}

void Text::mark(std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  if (!user_.empty() && user_.back().end == begin) {
    user_.back().end = end;
  } else {
    user_.push_back({begin, end});
  }
}

}  // namespace lathe::jinja
