// The table of methods.
#include "foreign/methods.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <iterator>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

struct Method {
  std::string_view name;  // "quant_method"
  void (*read)(const JsonView& config, Parts& parts);
};

constexpr Method kMethods[] = {
    {"gptq", read_gptq},
    {"awq", read_awq},
    {"auto-round", read_auto_round},
    {"compressed-tensors", read_compressed_tensors},
    {"fp8", read_fp8},
    {"fbgemm_fp8", read_fp8},
    {"modelopt", read_modelopt},
    {"bitsandbytes", read_bitsandbytes},
    {"hqq", read_hqq},
    {"bitnet", read_bitnet},
};

const Method* find_method(std::string_view name) noexcept {
  const auto found = std::ranges::find(kMethods, name, &Method::name);
  return found == std::end(kMethods) ? nullptr : &*found;
}

}  // namespace

bool is_foreign_method(std::string_view name) noexcept { return find_method(name) != nullptr; }

std::string foreign_method_list() {
  std::vector<std::string_view> names;
  for (const Method& method : kMethods) names.push_back(method.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

ForeignTensors find_foreign(const JsonView& config, const SafetensorsReader& file,
                            std::span<const ForeignPart> tensors) {
  const std::string name = config.get_string("quant_method").value_or("");
  const Method* method = find_method(name);
  if (method == nullptr) {
    fail_unsupported("{}: the method of quantizing {} is not read", quoted(config.file()),
                     quoted(name));
  }
  Parts parts(file, tensors);
  method->read(config, parts);
  return parts.finish();
}

}  // namespace lathe
