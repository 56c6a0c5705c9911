// Parts of conversations in JSON that has been parsed: `text` is what a view shows, as it was
// written, so that numbers and the order of keys stay.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"

#include "base/json.h"

namespace lathe {

// Throw kInvalid, and kUnsupported for images, naming the place.
std::vector<ChatMessage> read_chat_messages(const JsonView& array, std::string_view text);
std::string read_chat_tools(const JsonView& array, std::string_view text);

// The members of two JSON objects; those of the second come before those of the first.
std::string merged_arguments(const std::string& first, const std::string& second);

// Puts together what a template is told, from several places.
class ChatArguments {
 public:
  // `json`: a value as it was written.
  void add(std::string_view name, std::string_view json);
  void add_all(const JsonView& object, std::string_view text);
  std::string take() const { return members_.empty() ? std::string() : "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace lathe
