// The templates that come with this program, for models that bring none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// The template's text, if there is one of that name.
std::optional<std::string> builtin_chat_template(std::string_view name);
std::vector<std::string> builtin_chat_template_names();

}  // namespace lathe
