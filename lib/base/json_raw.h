// Values of a document as they were written: their numbers digit by digit, their keys in order.
//
// A document (nlohmann::json) holds numbers of 64 bits and sorts its keys; what is only to be
// repeated passes by it. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// A member of the outermost object, without the white space between its tokens. `text` must have
// been parsed already (parse_json).
std::optional<std::string> raw_json_member(std::string_view text, std::string_view key);

// The elements of the outermost array, in the same way.
std::vector<std::string> raw_json_elements(std::string_view text);

}  // namespace lathe
