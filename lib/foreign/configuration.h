// What a folder says of how its weights were quantized.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace lathe {

struct ForeignConfiguration {
  nlohmann::json json;  // an object with "quant_method"
  std::string file;     // that it stands in, for messages
};

// The member of `config`, config.json's content, or of the text's within it; or what one of the
// files says that programs write beside it. `read` gives a file of the folder, "" for one that is
// not there; `path` puts the folder's path before a name. Nothing for a folder in floats. Throws
// kInvalid for what is no object.
std::optional<ForeignConfiguration> foreign_configuration(
    const nlohmann::json& config, const std::function<std::string(const std::string& name)>& read,
    const std::function<std::string(const std::string& name)>& path);

}  // namespace lathe
