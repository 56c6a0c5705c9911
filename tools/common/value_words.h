// Words that shells complete where an option's value is a name out of a long list: the type name
// in --help ("SCHEME") stands for them. "FILE|NAME" is one of them or a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe::tool {

// Empty where there is no such list.
std::vector<std::string> value_words(std::string_view type_name);

}  // namespace lathe::tool
