#include "foreign/input_order.h"

#include <cstring>
#include <vector>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

void require_order(const std::string& name, std::int64_t cols, std::int64_t group, Parts& parts) {
  if (!parts.has(name)) return;
  const Part index = parts.take(name);
  parts.require_type(index, {DType::kI32});
  parts.require_shape(index, std::vector{cols});
  const std::int64_t groups = divide_up(cols, group);
  bool in_order = true;
  for (std::int64_t i = 0; i < cols; ++i) {
    std::int32_t value;
    std::memcpy(&value, index.bytes.data() + 4 * i, sizeof(value));
    if (value < 0 || value >= groups) {
      parts.fail(index, "says that input {} is of group {}, of {}", i, value, groups);
    }
    in_order = in_order && value == i / group;
  }
  if (in_order) return;
  fail_unsupported(
      "{}: the tensor {} puts inputs into another order (desc_act), which is not read; quantize "
      "without it, or start from the unquantized checkpoint",
      quoted(parts.file()), quoted(index.name));
}

}  // namespace lathe
