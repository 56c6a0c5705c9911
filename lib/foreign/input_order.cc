#include "foreign/input_order.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::vector<std::uint32_t> take_order(const std::string& name, std::int64_t cols,
                                      std::int64_t group, bool needed, Parts& parts) {
  if (!needed && !parts.has(name)) return {};
  const Part index = parts.take(name);
  parts.require_type(index, {DType::kI32});
  parts.require_shape(index, std::vector{cols});
  const std::int64_t groups = divide_up(cols, group);
  std::vector<std::int32_t> group_of(static_cast<std::size_t>(cols));
  std::memcpy(group_of.data(), index.bytes.data(), index.bytes.size());
  for (std::size_t i = 0; i < group_of.size(); ++i) {
    if (group_of[i] >= 0 && group_of[i] < groups) continue;
    parts.fail(index, "says that input {} is of group {}, of {}", i, group_of[i], groups);
  }
  std::vector<std::uint32_t> order(group_of.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t input) { return group_of[input]; });
  for (std::size_t place = 0; place < order.size(); ++place) {
    if (group_of[order[place]] == static_cast<std::int64_t>(place) / group) continue;
    fail_unsupported("{}: the tensor {} makes groups of other sizes than {}, which is not read",
                     quoted(parts.file()), quoted(index.name), group);
  }
  if (std::ranges::is_sorted(order)) order.clear();
  return order;
}

}  // namespace lathe
