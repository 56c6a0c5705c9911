#include "batch/row_messages.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json_raw.h"
#include "tokenizer/chat/chat_json.h"

namespace lathe {
namespace {

// What says nothing: a key without a value, lists of nothing (message.model_dump() of OpenAI's
// library adds them).
bool is_neutral(const std::string& key, const JsonView& value) {
  if (value.json().is_null()) return true;
  const bool list = key == "annotations" || key == "tool_calls";
  return list && value.is_array() && value.size() == 0;
}

// What chat templates look at besides role and content.
constexpr std::array<std::string_view, 6> kKnown = {
    "name", "tool_calls", "tool_call_id", "reasoning_content", "reasoning", "thinking"};

void tidy(const JsonView& view, ChatMessage& message) {
  if (message.role == "developer") message.role = "system";  // OpenAI's newer name
  bool plain = true, calls = false;
  view.for_each([&](const std::string& key, const JsonView& value) {
    if (key == "role" || key == "content" || is_neutral(key, value)) return;
    if (std::ranges::count(kKnown, key) == 0) {
      fail_unsupported("{}: a message's {} is not supported", value.path(), quoted(key));
    }
    plain = false;
    calls = calls || key == "tool_calls";
  });
  if (!view.contains("content") && !calls) view.at("content");  // which says that it is missing
  if (plain) {
    message.json.clear();
    return;
  }
  ChatArguments members;
  view.for_each([&](const std::string& key, const JsonView& value) {
    if (is_neutral(key, value)) return;
    if (key == "content" && value.is_array()) {
      members.add(key, json_quote(message.content));
    } else {
      members.add(key, raw_json_member(message.json, key).value_or("null"));
    }
  });
  message.json = members.take();
}

}  // namespace

std::vector<ChatMessage> read_row_messages(const JsonView& array, std::string_view text) {
  std::vector<ChatMessage> out = read_chat_messages(array, text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].json.empty()) {
      if (out[i].role == "developer") out[i].role = "system";
    } else {
      tidy(array.at(i), out[i]);
    }
  }
  return out;
}

}  // namespace lathe
