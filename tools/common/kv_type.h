// Types of the KV cache by the names that --kv-type has for them: f16, f32, int8, k8v4, int4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lathe/model.h"

#include "common/tool.h"

namespace lathe::tool {

struct KvTypeChoice {
  std::string_view name;
  KvType type = KvType::kF16;
  double element_bytes = 2.0;  // of keys and values on average
};

// Throws kUsage for another name.
const KvTypeChoice& kv_type_by_name(std::string_view name);

// "f16,int8". Throws kUsage, naming the one that is wrong.
std::vector<std::string> parse_kv_types(std::string_view list);

// An option that takes one of the names.
CLI::Option* add_kv_type(Tool& tool, const std::string& option, std::string& value,
                         const std::string& help);

}  // namespace lathe::tool
