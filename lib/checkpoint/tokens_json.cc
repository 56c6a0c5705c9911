#include "checkpoint/tokens_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace lathe {
namespace {

// Absent: the family's default; null: none.
std::int64_t token_id(const JsonView& fields, std::string_view key, std::int64_t by_default) {
  if (!fields.json().contains(std::string(key))) return by_default;
  // Old configurations write -1 for "none".
  return fields.get_int(key, -1).value_or(-1);
}
}  // namespace

std::vector<std::int64_t> token_ids(const JsonView& fields, std::string_view key) {
  const auto value = fields.find(key);
  if (!value) return {};
  if (!value->is_array()) {
    const std::int64_t id = value->as_int(-1);
    return id == -1 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  }
  std::vector<std::int64_t> ids;
  for (const JsonView& element : value->items()) {
    const std::int64_t id = element.as_int(0);
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}
void read_tokens(const JsonView& fields, const Family& family, ModelConfig& config) {
  config.bos_token = token_id(fields, "bos_token_id", family.bos);
  config.pad_token = token_id(fields, "pad_token_id", family.pad);
  config.eos_tokens = token_ids(fields, "eos_token_id");
  if (fields.json().contains("eos_token_id")) return;
  if (family.eos >= 0) config.eos_tokens = {family.eos};
  config.eos_tokens.insert(config.eos_tokens.end(), family.more_eos.begin(), family.more_eos.end());
}

}  // namespace lathe
