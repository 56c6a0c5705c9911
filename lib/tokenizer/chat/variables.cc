#include "tokenizer/chat/variables.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/from_json.h"
#include "tokenizer/jinja/object.h"
#include "tokenizer/named_tokens.h"

namespace lathe {
namespace {

using jinja::DictObject;
using jinja::Heap;
using jinja::Text;
using jinja::Value;

// Templates make control tokens of roles ("<|user|>"), so these are as good as their own words; any
// other role is a text like all that comes from outside.
constexpr std::array<std::string_view, 9> kRoles = {"system",  "user",      "assistant",
                                                    "tool",    "developer", "function",
                                                    "ipython", "model",     "observation"};

constexpr std::array<std::string_view, 3> kReasoningNames = {"reasoning_content", "thinking",
                                                             "reasoning"};

Value role_value(Heap& heap, const std::string& role) {
  const bool known = std::ranges::count(kRoles, role) > 0;
  return Value::string(heap, known ? Text(role) : Text::from_user(role));
}

// The message under `fields`, with its reasoning under every name that templates read it by.
Value with_reasoning(Heap& heap, const std::shared_ptr<DictObject>& fields) {
  const Value* reasoning = nullptr;
  for (const std::string_view name : kReasoningNames) {
    if (reasoning == nullptr) reasoning = fields->find(name);
  }
  if (reasoning == nullptr) return Value::dict(fields);
  auto out = std::make_shared<DictObject>(heap);
  out->set("thinking", *reasoning);
  for (const auto& [key, value] : fields->entries()) out->set(key, value);
  out->set("reasoning_content", *reasoning);
  return Value::dict(std::move(out));
}

Value message_value(Heap& heap, const ChatMessage& message, std::size_t number) {
  auto fields = std::make_shared<DictObject>(heap);
  if (message.json.empty()) {
    fields->set("role", role_value(heap, message.role));
    fields->set("content", Value::string(heap, Text::from_user(message.content)));
    return Value::dict(std::move(fields));
  }
  const std::string place = fmt::format("message {}", number);
  const Value whole = jinja::read_json(heap, message.json, place);
  if (!whole.is_dict()) fail_invalid("{} is not a JSON object", place);
  for (const auto& [key, value] : whole.as_dict().entries()) {
    if (key.view() == "role") {
      fields->set("role", role_value(heap, message.role));
    } else if (!value.is_none()) {
      fields->set(key, value);
    }
  }
  return with_reasoning(heap, fields);
}

void add_special_tokens(Heap& heap, const Tokenizer& tokenizer, jinja::Variables& out) {
  const auto add = [&](const char* name, const std::optional<TokenId>& id) {
    if (id) out.emplace_back(name, Value::string(heap, tokenizer.piece(*id)));
  };
  add("bos_token", tokenizer.bos());
  add("eos_token", tokenizer.eos());
  const auto* named = dynamic_cast<const HasNamedTokens*>(&tokenizer);
  if (named == nullptr) return;
  for (const auto& [name, text] : named->named_tokens()) {
    out.emplace_back(name, Value::string(heap, text));
  }
}

void add_arguments(Heap& heap, const std::string& json, jinja::Variables& out) {
  constexpr std::array<std::string_view, 3> kTaken = {"messages", "tools", "add_generation_prompt"};
  const Value arguments = jinja::read_json(heap, json, "template arguments");
  if (!arguments.is_dict()) fail_invalid("the template's arguments are not a JSON object");
  for (const auto& [key, value] : arguments.as_dict().entries()) {
    if (std::ranges::count(kTaken, key.view()) > 0) {
      fail(ErrorCode::kUsage, "{} is no argument of a template: it is said elsewhere",
           quoted(key.view()));
    }
    std::erase_if(out, [&key](const auto& known) { return known.first == key.view(); });
    out.emplace_back(key.text().bytes(), value);
  }
}

}  // namespace

jinja::Variables chat_variables(Heap& heap, const Tokenizer& tokenizer,
                                const ChatRequest& request) {
  if (request.messages.empty()) fail_invalid("the conversation has no message");
  std::vector<Value> messages;
  for (const ChatMessage& message : request.messages) {
    messages.push_back(message_value(heap, message, messages.size() + 1));
  }
  Value tools;
  if (!request.tools.empty()) {
    tools = jinja::read_json(heap, request.tools, "tools");
    if (tools.kind() != jinja::Kind::kList) fail_invalid("the tools are not a JSON array");
  }
  jinja::Variables out;
  out.emplace_back("messages", Value::list(heap, std::move(messages)));
  out.emplace_back("tools", std::move(tools));
  out.emplace_back("documents", Value());
  out.emplace_back("add_generation_prompt", Value::boolean(request.add_generation_prompt));
  add_special_tokens(heap, tokenizer, out);
  if (!request.template_args.empty()) {
    add_arguments(heap, request.template_args, out);
  }
  return out;
}

}  // namespace lathe
