// Keys that callers show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe::tool {

// A key a line; blank lines and those that begin with # are passed over. Throws kIo; kInvalid for
// a file without a key, or a key with a blank in it.
std::vector<std::string> read_api_keys(const std::string& path);

// Whether an Authorization header ("Bearer KEY") has one of them. How long that takes tells nothing
// about the keys.
bool is_authorized(const std::vector<std::string>& keys, std::string_view header);

}  // namespace lathe::tool
