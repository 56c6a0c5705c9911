#include "common/chat_options.h"

#include <CLI/App.hpp>
#include <fmt/format.h>

#include "lathe/chat_json.h"
#include "lathe/host/escape.h"

#include "common/fail.h"
#include "common/given.h"
#include "common/text.h"

namespace lathe::tool {
const CLI::Option* ChatOptions::given() const { return first_given(all); }

void add_chat_options(Tool& tool, ChatOptions& o, const std::string& when,
                      const std::string& group) {
  o.all = {tool.app()
               .add_option("--chat-template", o.chat_template,
                           when + "a template in place of the model's own, by name or from a file")
               ->type_name("FILE|NAME")
               ->group(group),
           tool.repeatable("--template-arg", o.template_args,
                           when + "tell the template KEY, whose value is JSON or a word; may be "
                                  "repeated")
               ->type_name("KEY=VALUE")
               ->group(group),
           tool.app()
               .add_option("--tools", o.tools,
                           when + "what the model may call, as a JSON array of functions")
               ->type_name("FILE")
               ->group(group)};
}

ChatTemplate find_chat_template(const ChatOptions& options, const Tokenizer& tokenizer) {
  if (!options.chat_template.empty()) return ChatTemplate::find(options.chat_template, tokenizer);
  try {
    return ChatTemplate::of(tokenizer);
  } catch (const Error& error) {
    tool::fail(error.code(), "{}; see --chat-template", error.message());
  }
}

void add_to_request(const ChatOptions& options, ChatRequest& request) {
  if (!options.tools.empty()) {
    request.tools = parse_chat_tools(read_text(options.tools), options.tools);
  }
  for (const std::string& argument : options.template_args) {
    try {
      add_template_argument(argument, request);
    } catch (const Error& error) {
      tool::fail(error.code(), "--template-arg {}", error.message());
    }
  }
}

void warn_of_unused(const Tool& tool, const ChatTemplate& chat, const ChatRequest& request) {
  for (const std::string& name : unused_by(chat, request)) {
    tool.warn(fmt::format("the chat template does not look at {}: the model does not see it",
                          lathe::quoted(name)));
  }
}

void note_date(const Tool& tool, const ChatPrompt& prompt) {
  if (!prompt.names_date) return;
  tool.note(
      "the chat template names today's date, so another day may give another answer; "
      "SOURCE_DATE_EPOCH fixes it");
}

}  // namespace lathe::tool
