#include "container/tensor_entry.h"

#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {

std::uint64_t tensor_bytes(const TensorSpec& spec, std::string_view file) {
  std::uint64_t elements = 1;
  for (const std::int64_t dim : spec.shape) {
    if (dim < 0) {
      fail_invalid("{}: tensor {} has a negative dimension ({})", quoted(file), quoted(spec.name),
                   dim);
    }
    const auto product = checked_mul<std::uint64_t>(elements, static_cast<std::uint64_t>(dim));
    // Elements are counted in int64 everywhere else.
    if (!product || !checked_cast<std::int64_t>(*product)) {
      fail_invalid("{}: tensor {} has dimensions whose product does not fit 63 bits", quoted(file),
                   quoted(spec.name));
    }
    elements = *product;
  }
  const DTypeInfo& type = dtype_info(spec.dtype);
  const std::int64_t row = spec.shape.empty() ? 1 : spec.shape.back();
  if (row % type.block != 0) {
    fail_invalid("{}: tensor {} has rows of {} elements, which is no multiple of {}'s block of {}",
                 quoted(file), quoted(spec.name), row, type.name, type.block);
  }
  const auto bytes = dtype_bytes(spec.dtype, elements);
  if (!bytes || !checked_cast<std::int64_t>(*bytes)) {
    fail_invalid("{}: tensor {} has a size in bytes that does not fit 63 bits", quoted(file),
                 quoted(spec.name));
  }
  return *bytes;
}

void check_name(std::string_view name, std::string_view what, std::string_view file) {
  constexpr std::size_t kMost = 65535;
  if (name.empty()) fail_invalid("{}: a {} is empty", quoted(file), what);
  if (name.size() > kMost) {
    fail_invalid("{}: a {} has {} bytes, more than {} (it begins {})", quoted(file), what,
                 name.size(), kMost, quoted(name));
  }
  if (name.find('\0') != std::string_view::npos) {
    fail_invalid("{}: the {} {} contains a NUL byte", quoted(file), what, quoted(name));
  }
  if (!is_valid_utf8(name)) {
    fail_invalid("{}: the {} {} is not valid UTF-8", quoted(file), what, quoted(name));
  }
}

}  // namespace lathe
