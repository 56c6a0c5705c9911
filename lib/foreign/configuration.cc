#include "foreign/configuration.h"

#include "base/json.h"

namespace lathe {
namespace {

constexpr const char* kMethod = "quant_method";
constexpr const char* kMember = "quantization_config";

// Files beside config.json, and the method where they do not name it.
struct Beside {
  const char* name;
  const char* method;
  const char* member;  // that holds what is meant; null: the whole
};
constexpr Beside kBeside[] = {
    {"quantize_config.json", "gptq", nullptr},
    {"quant_config.json", "awq", nullptr},
    {"hf_quant_config.json", "modelopt", "quantization"},
};

ForeignConfiguration made_of(const nlohmann::json& json, std::string file, const char* method) {
  ForeignConfiguration out{json, std::move(file)};
  const JsonView view(out.json, out.file);
  if (!view.is_object()) view.fail_here("is not an object");
  if (!view.contains(kMethod)) out.json[kMethod] = method;
  return out;
}

const nlohmann::json* member_of(const nlohmann::json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

std::optional<ForeignConfiguration> foreign_configuration(
    const nlohmann::json& config, const std::function<std::string(const std::string& name)>& read,
    const std::function<std::string(const std::string& name)>& path) {
  const nlohmann::json* text = member_of(config, "text_config");
  for (const nlohmann::json* object : {&config, text}) {
    const nlohmann::json* member = object != nullptr ? member_of(*object, kMember) : nullptr;
    if (member != nullptr) return made_of(*member, path("config.json"), "");
  }
  for (const Beside& beside : kBeside) {
    const std::string content = read(beside.name);
    if (content.empty()) continue;
    const std::string file = path(beside.name);
    const nlohmann::json json = parse_json(content, file);
    const nlohmann::json* inner =
        beside.member != nullptr ? member_of(json, beside.member) : nullptr;
    return made_of(inner != nullptr ? *inner : json, file, beside.method);
  }
  return std::nullopt;
}

}  // namespace lathe
