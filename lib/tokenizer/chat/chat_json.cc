#include "lathe/chat_json.h"

#include <algorithm>
#include <array>
#include <fmt/ranges.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json_raw.h"
#include "tokenizer/chat/chat_json.h"

namespace lathe {
namespace {

std::string text_of_parts(const JsonView& content) {
  std::string out;
  for (const JsonView& part : content.items()) {
    const auto type = part.get_string("type");
    if ((type && *type != "text") || (!type && !part.contains("text"))) {
      fail_unsupported("{}: {}: only parts of type \"text\" are supported, not {}",
                       quoted(content.file()), part.path(), quoted(type.value_or("")));
    }
    out += part.at("text").as_string();
  }
  return out;
}

// A message's text, if it has one: a call of a tool may do without.
std::string text_of_message(const JsonView& message) {
  const auto content = message.find("content");
  if (!content) return {};
  if (content->is_string()) return content->as_string();
  if (content->is_array()) return text_of_parts(*content);
  // What a tool gave may be any JSON; the template decides.
  if (message.at("role").as_string() == "tool") return {};
  content->fail_here("is neither a string nor an array of parts");
}

ChatMessage message_of(const JsonView& view, std::string raw) {
  if (!view.is_object()) view.fail_here("is not a JSON object");
  ChatMessage out;
  out.role = view.at("role").as_string();
  out.content = text_of_message(view);
  const bool plain = view.size() == 2 && view.contains("content") && view.at("content").is_string();
  if (!plain) out.json = std::move(raw);
  return out;
}

// A value of an argument, as JSON. A word that is no JSON is a text ("high"), but not one that was
// meant as JSON: Python's True would be a text, and every text but the empty one is true to a
// template.
std::string argument_value(std::string_view argument, std::string_view text) {
  try {
    parse_json(text, "argument");
    return std::string(text);
  } catch (const Error&) {
    constexpr std::array<std::string_view, 6> kMeant = {"True", "False", "None",
                                                        "TRUE", "FALSE", "NULL"};
    const bool meant = text.empty() || std::ranges::count(kMeant, text) > 0 ||
                       std::string_view(" {[\"-0123456789").find(text.front()) != text.npos;
    if (!meant) return json_quote(text);
  }
  fail(ErrorCode::kUsage, "{}: the value is no JSON, such as true, 7, \"text\" or [1, 2]",
       quoted(argument));
}

bool calls_tools(const ChatMessage& message) {
  if (message.json.empty()) return false;
  const nlohmann::json json = parse_json(message.json, "message");
  const auto calls = json.find("tool_calls");
  return calls != json.end() && !calls->empty();
}

}  // namespace

std::vector<ChatMessage> read_chat_messages(const JsonView& array, std::string_view text) {
  if (!array.is_array()) array.fail_here("is not an array of messages");
  std::vector<std::string> raw = raw_json_elements(text);
  std::vector<ChatMessage> out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    out.push_back(message_of(array.at(i), std::move(raw[i])));
  }
  if (out.empty()) array.fail_here("is empty");
  return out;
}

std::string read_chat_tools(const JsonView& value, std::string_view text) {
  if (!value.is_array()) value.fail_here("is not an array of tools");
  for (const JsonView& tool : value.items()) {
    if (!tool.is_object()) tool.fail_here("is not an object that describes a tool");
  }
  return value.size() == 0 ? std::string() : std::string(text);
}

void ChatArguments::add(std::string_view name, std::string_view json) {
  members_ += members_.empty() ? "" : ", ";
  members_ += json_quote(name) + ": ";
  members_ += json;
}

void ChatArguments::add_all(const JsonView& object, std::string_view text) {
  if (!object.is_object()) object.fail_here("is not a JSON object");
  object.for_each([&](const std::string& key, const JsonView&) {
    add(key, raw_json_member(text, key).value_or("null"));
  });
}

std::string merged_arguments(const std::string& first, const std::string& second) {
  nlohmann::json before = parse_json(first, "arguments");
  const nlohmann::json after = parse_json(second, "arguments");
  for (const auto& [key, value] : after.items()) before.erase(key);
  ChatArguments out;
  out.add_all(JsonView(before, "arguments"), first);
  out.add_all(JsonView(after, "arguments"), second);
  return out.take();
}

std::string parse_chat_tools(std::string_view text, const std::string& file) {
  const nlohmann::json json = parse_json(text, file);
  return read_chat_tools(JsonView(json, file), text);
}

ChatRequest parse_chat(std::string_view text, const std::string& file) {
  const nlohmann::json json = parse_json(text, file);
  const JsonView root(json, file);
  ChatRequest out;
  if (root.is_array()) {
    out.messages = read_chat_messages(root, text);
    return out;
  }
  if (!root.is_object()) root.fail_here("is neither an array of messages nor an object with them");
  ChatArguments arguments;
  root.for_each([&](const std::string& key, const JsonView& value) {
    if (value.json().is_null()) return;
    const std::string raw = raw_json_member(text, key).value_or("null");
    if (key == "messages") {
      out.messages = read_chat_messages(value, raw);
    } else if (key == "tools") {
      out.tools = read_chat_tools(value, raw);
    } else if (key == "template_args" || key == "chat_template_kwargs") {
      arguments.add_all(value, raw);
    } else if (key == "documents" || key == "reasoning_effort") {
      arguments.add(key, raw);
    } else if (key == "add_generation_prompt") {
      out.add_generation_prompt = value.as_bool();
    } else {
      fail_unsupported("{}: unknown key {} of a conversation", quoted(file), quoted(key));
    }
  });
  if (out.messages.empty()) root.fail_here("has no \"messages\"");
  out.template_args = arguments.take();
  return out;
}

std::string append_chat_messages(std::string_view text, const std::string& file,
                                 std::span<const ChatMessage> more) {
  std::vector<std::string> all;
  std::string front, back;
  if (!text.empty()) {
    const nlohmann::json json = parse_json(text, file);
    if (json.is_object()) {
      all = raw_json_elements(raw_json_member(text, "messages").value_or("[]"));
      front = "{\"messages\": ";
      for (const auto& [key, value] : json.items()) {
        if (key == "messages") continue;
        back += ",\n" + json_quote(key) + ": " + raw_json_member(text, key).value_or("null");
      }
      back += "}";
    } else {
      all = raw_json_elements(text);
    }
  }
  for (const ChatMessage& message : more) {
    all.push_back(message.json.empty() ? "{\"role\": " + json_quote(message.role) +
                                             ", \"content\": " + json_quote(message.content) + "}"
                                       : message.json);
  }
  return fmt::format("{}[\n  {}\n]{}\n", front, fmt::join(all, ",\n  "), back);
}

void add_template_argument(std::string_view argument, ChatRequest& request) {
  const std::size_t sign = argument.find('=');
  if (sign == 0 || sign == argument.npos) {
    fail(ErrorCode::kUsage, "{} is no KEY=VALUE", quoted(argument));
  }
  const std::string_view name = argument.substr(0, sign);
  ChatArguments one;
  one.add(name, argument_value(argument, argument.substr(sign + 1)));
  request.template_args = request.template_args.empty()
                              ? one.take()
                              : merged_arguments(request.template_args, one.take());
}

std::vector<std::string> unused_by(const ChatTemplate& chat, const ChatRequest& request) {
  std::vector<std::string> out;
  if (!request.tools.empty() && !chat.uses("tools")) out.emplace_back("tools");
  if (!chat.uses("tool_calls") && std::ranges::any_of(request.messages, calls_tools)) {
    out.emplace_back("tool_calls");
  }
  if (!request.template_args.empty()) {
    const nlohmann::json arguments = parse_json(request.template_args, "arguments");
    for (const auto& [key, value] : arguments.items()) {
      if (!chat.uses(key)) out.push_back(key);
    }
  }
  return out;
}

}  // namespace lathe
