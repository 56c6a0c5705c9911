// generate: continue a text, or answer a message, with a model; or many of them.
#include "lathe/generate.h"

#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "lathe/lathe.h"

#include "common/left_out.h"
#include "common/output.h"
#include "common/text.h"
#include "common/tool.h"
#include "generate/batch_command.h"
#include "generate/generation_json.h"
#include "generate/open_model.h"
#include "generate/open_session.h"
#include "generate/options.h"
#include "generate/running.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The prompt's text. From a file or a pipe, the newline that ends its last line is no part of
// it: nearly every file has one, and nearly no prompt is meant to.
std::string read_prompt(const GenerateFlags& flags, const CommonValues& common) {
  if (flags.prompt_option->count() > 0) return flags.prompt;
  std::string text = read_text(common.input);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

struct Prompt {
  std::vector<TokenId> ids;
  std::string shown;  // for --echo
};

ChatTemplate find_template(const GenerateFlags& flags, const Tokenizer& tokenizer) {
  if (!flags.chat_template.empty()) return ChatTemplate::by_name(flags.chat_template);
  try {
    return ChatTemplate::recognise(tokenizer);
  } catch (const Error& error) {
    fail(error.code(), "{}; see --chat-template and --special", error.message());
  }
}

Prompt chat_prompt(std::string text, const GenerateFlags& flags, const Tokenizer& tokenizer,
                   GenerateOptions& how) {
  const ChatTemplate chat = find_template(flags, tokenizer);
  std::vector<ChatMessage> messages;
  if (flags.system_option->count() > 0) messages.push_back({"system", flags.system});
  messages.push_back({"user", std::move(text)});
  end_at_turn(chat, tokenizer, how);
  return {chat.encode(tokenizer, messages), chat.render(messages)};
}

// A model that was trained on turns goes on with a bare text as with a page of a book, which looks
// like a bad model to whoever expected an answer. With --special the turns are spelled by hand.
void tell_of_chat(const Tool& tool, const GenerateFlags& flags, const Tokenizer& tokenizer) {
  if (flags.chat || flags.special || tokenizer.chat_template().empty()) return;
  tool.note(
      "the model has a chat template, and the prompt is continued as a plain text; --chat answers "
      "it");
}

// One request of an engine: for what only it keeps (--cache-dir).
Generation generate_in_engine(Engine& engine, std::vector<TokenId> prompt,
                              const GenerateOptions& how, const TextCallback& on_text) {
  Request request;
  request.prompt = std::move(prompt);
  request.options = how;
  request.on_text = [&](int, std::string_view text) { return on_text(text); };
  engine.submit(std::move(request));
  for (;;) {
    for (Completion& done : engine.step()) {
      if (done.error) throw Error(done.error->code, done.error->message);
      Generation result = std::move(done.samples.front());
      result.timings.first_token = done.timings.first_token;
      result.timings.prefill = done.timings.prefill;
      return result;
    }
  }
}

int run_one(const Tool& tool, GenerateFlags& flags, Clock::time_point started) {
  const CommonValues& common = tool.common();
  if (flags.chat && flags.tokens_option->count() == 0) flags.tokens = -1;
  std::string text = read_prompt(flags, common);
  const OpenedModel opened = open_generate_model(tool, flags);
  note_left_out(tool, *opened.checkpoint);
  const Tokenizer& tokenizer = *opened.tokenizer;
  warn_of(tool, tokenizer);
  GenerateOptions how = flags.generate_options();
  Prompt prompt;
  if (flags.chat) {
    prompt = chat_prompt(std::move(text), flags, tokenizer, how);
  } else {
    prompt = {encode_prompt(tokenizer, text, flags.special), text};
    warn_of_two_bos(tool, tokenizer, prompt.ids);
  }
  tell_of_chat(tool, flags, tokenizer);
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Session> session;
  if (flags.uses_engine()) {
    check_room(tool, *opened.model, flags, prompt.ids.size());
    engine =
        Engine::create(opened.model, opened.tokenizer, engine_options(tool, *opened.model, flags));
  } else {
    session = open_session(tool, opened.model, flags, prompt.ids.size());
  }
  const double load = seconds_since(started);
  if (common.verbose > 0) tell_of_run(tool, opened, flags, prompt.ids.size());

  Output output(common.output, common.force);
  const bool streams = !common.json();
  if (streams && flags.echo) output.write(prompt.shown);
  const TextCallback on_text = [&](std::string_view piece) {
    if (streams) {
      output.write(piece);
      output.flush();
    }
    return true;
  };
  const Generation result = engine ? generate_in_engine(*engine, prompt.ids, how, on_text)
                                   : generate(*session, tokenizer, prompt.ids, how, on_text);
  if (!streams) {
    const GenerationRecord record{
        result, tokenizer, common.model, flags.echo ? &prompt.shown : nullptr, opened.model->token_bytes(),
        load};
    output.write(to_json(record) + "\n");
  } else if (common.output == "-" && ::isatty(STDOUT_FILENO) == 1 && !result.text.ends_with('\n')) {
    output.write("\n");  // for the person at the terminal; a pipe gets the text and no more
  }
  output.finish();
  if (common.verbose > 0) {
    const double steps = static_cast<double>(result.ids.size()) - 1;
    const double rate = result.timings.decode > 0 ? steps / result.timings.decode : 0.0;
    tool.note(fmt::format(
        "{} prompt tokens, {} generated ({}); load {:.3f} s, first token {:.3f} s, then {:.1f} "
        "tokens/s",
        result.prompt_tokens, result.ids.size(), to_string(result.reason), load,
        result.timings.first_token, rate));
    tell_of_pace(tool, opened, rate);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Clock::time_point started = Clock::now();
  Tool tool("generate", "continue a text, or answer a message, with a model");
  GenerateFlags flags;
  add_generate_options(tool, flags);
  tool.add_common(kModel | kInput | kOutput | kThreads | kJson);
  flags.input_option = tool.app().get_option("--input");
  tool.synopsis("-m MODEL [-p TEXT | -i FILE | --jsonl | --lines] [OPTION]...");
  tool.example("generate -m model.lathe -p \"Once upon a time\" -n 200", "Continue a text");
  tool.example("git diff | generate -m model.gguf --chat --system \"Write a commit message.\"",
               "Answer a message that comes through a pipe");
  tool.example("generate -m model.lathe -p \"Names for a cat:\" --temp 0.8 --top-p 0.95 --seed 7",
               "Draw instead of taking the most probable token; another seed gives another text");
  tool.example("generate -m model.lathe -i question.txt --stop \"###\" --json | jq -r .text",
               "Ids, finish reason and timings beside the text");
  tool.example("generate -m model.lathe --jsonl -i prompts.jsonl -o answers.jsonl --resume",
               "A file of prompts; the same command again continues where it was ended");
  tool.see_also("convert(1), tokenize(1), bench(1), lathe(7)");
  return tool.run(argc, argv, [&] {
    check_generate_options(tool, flags);
    return flags.batch() ? run_batch_command(tool, flags) : run_one(tool, flags, started);
  });
}
