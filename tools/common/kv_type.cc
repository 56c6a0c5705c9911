#include "common/kv_type.h"

#include <algorithm>
#include <iterator>

#include "common/fail.h"

namespace lathe::tool {
namespace {

constexpr KvTypeChoice kChoices[] = {{"f16", KvType::kF16, 2.0},
                                     {"f32", KvType::kF32, 4.0},
                                     {"int8", KvType::kInt8, 1.0},
                                     {"k8v4", KvType::kK8V4, 0.75},
                                     {"int4", KvType::kInt4, 0.625}};

}  // namespace

const KvTypeChoice& kv_type_by_name(std::string_view name) {
  const auto* found = std::find_if(std::begin(kChoices), std::end(kChoices),
                                   [&](const KvTypeChoice& choice) { return choice.name == name; });
  if (found == std::end(kChoices)) {
    fail_usage("--kv-type: {} is not one of f16, f32, int8, k8v4, int4", lathe::quoted(name));
  }
  return *found;
}

std::vector<std::string> parse_kv_types(std::string_view list) {
  std::vector<std::string> types;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    types.emplace_back(kv_type_by_name(list.substr(begin, end - begin)).name);
    begin = end + 1;
  }
  return types;
}

CLI::Option* add_kv_type(Tool& tool, const std::string& option, std::string& value,
                         const std::string& help) {
  return tool.choice(option, value, help, {"f16", "f32", "int8", "k8v4", "int4"});
}

}  // namespace lathe::tool
