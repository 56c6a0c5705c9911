#include "tokenizer/jinja/range.h"

#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/runtime.h"

namespace lathe::jinja {

Value Range::make(Runtime& runtime, const Arguments& arguments) {
  constexpr std::size_t kMost = 100'000;
  const std::vector<Value>& bounds = arguments.positional;
  if (!arguments.named.empty() || bounds.empty() || bounds.size() > 3) {
    fail_invalid("range takes one to three arguments, none by name");
  }
  const auto bound = [&](std::size_t i) { return require_integer(bounds[i], "range's argument"); };
  const std::int64_t start = bounds.size() == 1 ? 0 : bound(0);
  const std::int64_t stop = bound(bounds.size() == 1 ? 0 : 1);
  const std::int64_t step = bounds.size() == 3 ? bound(2) : 1;
  if (step == 0) fail_invalid("range's step cannot be zero");
  // As unsigned numbers, so that no difference overflows.
  const auto from = static_cast<std::uint64_t>(step > 0 ? start : stop);
  const auto to = static_cast<std::uint64_t>(step > 0 ? stop : start);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const std::uint64_t stride =
      step > 0 ? static_cast<std::uint64_t>(step) : ~static_cast<std::uint64_t>(step) + 1;
  const std::uint64_t count = empty ? 0 : (to - from - 1) / stride + 1;
  if (count > kMost) {
    fail(ErrorCode::kLimit, "range of {} numbers; templates may take {} at once", count, kMost);
  }
  return Value::object(std::make_shared<Range>(runtime.heap(), start, stop, step, count));
}

std::optional<std::vector<Value>> Range::iterate(Runtime&) {
  std::vector<Value> out;
  out.reserve(count_);
  for (std::size_t i = 0; i < count_; ++i) out.push_back(Value::integer(at(i)));
  return out;
}

std::optional<Value> Range::element(Runtime&, const Value& key) {
  if (!key.is_integer()) return std::nullopt;
  const auto size = static_cast<std::int64_t>(count_);
  const std::int64_t index = key.as_integer() + (key.as_integer() < 0 ? size : 0);
  if (index < 0 || index >= size) return std::nullopt;
  return Value::integer(at(static_cast<std::size_t>(index)));
}

bool Range::equals(Runtime&, const Object& other) const {
  const Range* range = dynamic_cast<const Range*>(&other);
  if (range == nullptr || range->count_ != count_) return false;
  return count_ == 0 || (start_ == range->start_ && (count_ == 1 || step_ == range->step_));
}

Value Range::slice(const Value& begin, const Value& end, const Value& step) const {
  const SliceIndices indices = slice_indices(count_, begin, end, step);
  // Where a bound lies outside, the number that would stand there.
  const auto number = [this](std::int64_t index) { return start_ + index * step_; };
  const std::int64_t stop = indices.begin + static_cast<std::int64_t>(indices.count) * indices.step;
  return Value::object(std::make_shared<Range>(heap(), number(indices.begin), number(stop),
                                               indices.step * step_, indices.count));
}

std::optional<Text> Range::print(Runtime&) {
  if (step_ == 1) return Text(fmt::format("range({}, {})", start_, stop_));
  return Text(fmt::format("range({}, {}, {})", start_, stop_, step_));
}

}  // namespace lathe::jinja
