// generate: continue a text, or answer a message, with a model; or many of them.
#include "lathe/generate.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "lathe/answer_check.h"
#include "lathe/chat_json.h"
#include "lathe/ensemble.h"
#include "lathe/lathe.h"

#include "common/given.h"
#include "common/left_out.h"
#include "common/output.h"
#include "common/seconds.h"
#include "common/text.h"
#include "common/tool.h"
#include "generate/batch_command.h"
#include "generate/chat_form.h"
#include "generate/drafts.h"
#include "generate/embed_command.h"
#include "generate/exchange_shift.h"
#include "generate/generation_json.h"
#include "generate/history.h"
#include "generate/model_sampling.h"
#include "generate/open_model.h"
#include "generate/open_session.h"
#include "generate/options.h"
#include "generate/running.h"
#include "generate/talk.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Clock = std::chrono::steady_clock;

// The prompt's text. From a file or a pipe, the newline that ends its last line is no part of
// it: nearly every file has one, and nearly no prompt is meant to.
std::string read_prompt(const GenerateFlags& flags, const CommonValues& common) {
  if (given(flags.prompt_option)) return flags.prompt;
  std::string text = read_text(common.input);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
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

// A conversation of which the last message is to be answered.
class OneTurn {
 public:
  OneTurn(const Tool& tool, const GenerateFlags& flags, const Tokenizer& tokenizer)
      : tool_(tool), flags_(flags), history_(flags.history), form_(tool, flags, tokenizer) {}

  Prompt prompt(std::optional<std::string> message, GenerateOptions& how) {
    request_ = history_.request();
    if (!flags_.messages.empty()) {
      request_ = parse_chat(read_text(flags_.messages), flags_.messages);
    }
    kept_ = request_.messages.size();
    form_.complete(request_, !flags_.history.empty());
    if (message) request_.messages.push_back({"user", *std::move(message)});
    if (flags_.context_shift) {
      how.shorten = [this](auto... text) { return shift_.shorten(text...); };
    }
    return form_.prompt(request_, how);
  }

  void end(const Generation& answer) {
    note_loop(tool_, answer);
    note_shift(tool_, shift_.left_out());
    request_.messages.push_back(answer_message(answer));
    history_.append(std::span(request_.messages).subspan(kept_));
  }

 private:
  const Tool& tool_;
  const GenerateFlags& flags_;
  History history_;
  ChatForm form_;
  ChatRequest request_;
  ExchangeShift shift_{form_, request_};
  std::size_t kept_ = 0;  // messages that the file has
};

// With --messages, what is to be answered is there already.
std::optional<std::string> read_message(const GenerateFlags& flags, const CommonValues& common) {
  if (!flags.messages.empty() && !given(flags.prompt_option) && !given(flags.input_option)) {
    return std::nullopt;
  }
  return read_prompt(flags, common);
}

void note_speed(const Tool& tool, const OpenedModel& opened, const Generation& result,
                double load) {
  if (tool.common().verbose == 0) return;
  const double steps = static_cast<double>(result.ids.size()) - 1;
  const double rate = result.timings.decode > 0 ? steps / result.timings.decode : 0.0;
  tool.note(fmt::format(
      "{} prompt tokens, {} generated ({}); load {:.3f} s, first token {:.3f} s, then {:.1f} "
      "tokens/s",
      result.prompt_tokens, result.ids.size(), to_string(result.reason), load,
      result.timings.first_token, rate));
  tell_of_pace(tool, opened, rate);
  if (tool.ensemble() == nullptr) return;
  const Ensemble::Traffic traffic = tool.ensemble()->traffic();
  const auto tokens = static_cast<double>(result.prompt_tokens) + std::max(steps, 0.0);
  tool.note(fmt::format(
      "{} processes; for each token {:.0f} bytes to and from the others, {} "
      "exchanges in all",
      tool.ensemble()->size(), static_cast<double>(traffic.bytes) / tokens, traffic.calls));
}

int run_one(const Tool& tool, GenerateFlags& flags, Clock::time_point started) {
  const CommonValues& common = tool.common();
  if (flags.chat && !given(flags.tokens_option)) flags.tokens = -1;
  const bool talks = wants_talk(tool, flags);
  std::optional<std::string> text;
  if (!talks) text = read_message(flags, common);
  const OpenedModel opened = open_generate_model(tool, flags);
  note_left_out(tool, *opened.checkpoint);
  const Tokenizer& tokenizer = *opened.tokenizer;
  warn_of(tool, tokenizer);
  if (flags.embed) return run_embed(tool, flags, opened, text.value_or(""));
  take_model_sampling(tool, *opened.checkpoint, flags);
  take_model_reasoning(tokenizer, flags);
  flags.answer_constraint = answer_constraint(flags.grammar, tokenizer, flags.constraint.finish);
  if (talks) return run_talk(tool, flags, opened);
  GenerateOptions how = flags.generate_options();
  if (flags.context_shift && !flags.chat) {
    how.shorten = [&flags](std::span<const TokenId> read, std::int64_t, std::int64_t context) {
      return keep_ends(read, flags.keep, context);
    };
  }
  std::optional<OneTurn> turn;
  Prompt prompt;
  if (flags.chat) {
    prompt = turn.emplace(tool, flags, tokenizer).prompt(std::move(text), how);
  } else {
    prompt = {encode_prompt(tokenizer, *text, flags.special), *text};
    warn_of_two_bos(tool, tokenizer, prompt.ids);
  }
  tell_of_chat(tool, flags, tokenizer);
  if (how.check != nullptr && flags.echo && !flags.chat) {
    // What is shown is what is judged.
    auto check = std::make_shared<AnswerCheck>(*how.check);
    check->before = prompt.shown;
    how.check = std::move(check);
  }
  const std::shared_ptr<Speculator> speculator = make_speculator(tool, flags, opened);
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Session> session;
  if (flags.uses_engine()) {
    check_room(tool, *opened.model, flags, prompt.ids.size());
    EngineOptions engine_how = engine_options(tool, *opened.model, flags);
    engine_how.speculator = speculator;
    engine = Engine::create(opened.model, opened.tokenizer, engine_how);
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
  const Generation result =
      engine ? generate_in_engine(*engine, prompt.ids, how, on_text)
             : generate(*session, tokenizer, prompt.ids, how, on_text, speculator.get());
  if (!streams) {
    const GenerationRecord record{result,
                                  tokenizer,
                                  common.model,
                                  flags.echo ? &prompt.shown : nullptr,
                                  opened.model->token_bytes(),
                                  flags.reasoning == "separate",
                                  load,
                                  speculator.get()};
    output.write(to_json(record) + "\n");
  } else if (common.output == "-" && writes_to_terminal() && !result.text.ends_with('\n')) {
    output.write("\n");  // for the person at the terminal; a pipe gets the text and no more
  }
  output.finish();
  if (turn) turn->end(result);
  if (!turn && result.shortened > 0) {
    tool.note(fmt::format("the context was full {} times: what was oldest was left out",
                          result.shortened));
  }
  note_speed(tool, opened, result, load);
  tell_of_drafts(tool, speculator.get());
  return tell_of_check(tool, result) ? 0 : 1;
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
  tool.example("generate -m model.lathe --chat", "Talk with a model, at a terminal");
  tool.example("generate -m model.lathe -p \"Names for a cat:\" --temp 0.8 --top-p 0.95 --seed 7",
               "Draw instead of taking the most probable token; another seed gives another text");
  tool.example("generate -m model.lathe -i question.txt --stop \"###\" --json | jq -r .text",
               "Ids, finish reason and timings beside the text");
  tool.example("generate -m model.lathe --embed --lines -i texts.txt | jq -c .embedding",
               "A vector for each line of a file");
  tool.example("generate -m model.lathe --jsonl -i prompts.jsonl -o answers.jsonl --resume",
               "A file of prompts; the same command again continues where it was ended");
  tool.see_also("convert(1), tokenize(1), bench(1), lathe(7)");
  tool.compute_together();
  return tool.run(argc, argv, [&] {
    check_generate_options(tool, flags);
    return flags.batch() ? run_batch_command(tool, flags) : run_one(tool, flags, started);
  });
}
