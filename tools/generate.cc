// generate: continue a text, or answer a message, with a model.
#include "lathe/generate.h"

#include <chrono>
#include <fmt/format.h>
#include <future>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "lathe/lathe.h"

#include "common/generation_json.h"
#include "common/input.h"
#include "common/output.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kDefaultTokens = 128;

struct Options {
  std::string prompt, system, tokenizer, chat_template, kv_type = "f16";
  std::int64_t tokens = kDefaultTokens, context = 0, logprobs = 0;
  bool chat = false, echo = false, special = false, ignore_eos = false;
  std::vector<std::string> stop;
  SamplingOptions sampling;
  CLI::Option* tokens_option = nullptr;
  CLI::Option* prompt_option = nullptr;
  CLI::Option* input_option = nullptr;
  CLI::Option* system_option = nullptr;
};

KvType kv_type(const std::string& name) {
  if (name == "f32") return KvType::kF32;
  return name == "int8" ? KvType::kInt8 : KvType::kF16;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The prompt's text. From a file or a pipe, the newline that ends its last line is no part of
// it: nearly every file has one, and nearly no prompt is meant to.
std::string read_prompt(const Options& options, const CommonValues& common) {
  if (options.prompt_option->count() > 0) return options.prompt;
  std::string text = read_all(common.input);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

struct Prompt {
  std::vector<TokenId> ids;
  std::string shown;  // for --echo
};

ChatTemplate find_template(const Options& options, const Tokenizer& tokenizer) {
  if (!options.chat_template.empty()) return ChatTemplate::by_name(options.chat_template);
  try {
    return ChatTemplate::recognise(tokenizer);
  } catch (const Error& error) {
    fail(error.code(), "{}; see --chat-template and --special", error.message());
  }
}

Prompt chat_prompt(std::string text, const Options& options, const Tokenizer& tokenizer,
                   GenerateOptions& generate_options) {
  const ChatTemplate chat = find_template(options, tokenizer);
  std::vector<ChatMessage> messages;
  if (options.system_option->count() > 0) messages.push_back({"system", options.system});
  messages.push_back({"user", std::move(text)});
  end_at_turn(chat, tokenizer, generate_options);
  return {chat.encode(tokenizer, messages), chat.render(messages)};
}

Prompt plain_prompt(std::string text, const Options& options, const Tokenizer& tokenizer) {
  EncodeOptions encode;
  encode.parse_special = options.special;
  std::vector<TokenId> ids = tokenizer.encode(text, encode);
  if (ids.empty() && tokenizer.bos()) ids.push_back(*tokenizer.bos());
  if (ids.empty()) {
    fail(ErrorCode::kInvalid,
         "the prompt is empty, and this model has no token that begins a text: give it some text");
  }
  return {std::move(ids), std::move(text)};
}

std::unique_ptr<Session> open_session(std::shared_ptr<const Model> model, const Options& options,
                                      const CommonValues& common, std::size_t prompt) {
  const std::int64_t longest = model->config().max_position;
  if (options.context > longest) {
    fail(ErrorCode::kLimit, "{}: --ctx {} is more than the model's context of {} tokens",
         lathe::quoted(common.model), options.context, longest);
  }
  SessionOptions session;
  session.threads = common.threads_or_default();
  // A step over so few weights takes less time than waking a second thread for it.
  constexpr std::uint64_t kSmall = std::uint64_t{4} << 20;
  if (common.threads == 0 && model->weight_bytes() < kSmall) session.threads = 1;
  session.kv_type = kv_type(options.kv_type);
  session.max_tokens = options.context > 0 ? options.context : longest;
  // No more memory than this one request can use; a prompt that is too long is refused later,
  // with the true context in the message.
  const auto needed = static_cast<std::int64_t>(prompt) + options.tokens;
  if (options.tokens >= 0) session.max_tokens = std::min(session.max_tokens, needed);
  return Session::create(std::move(model), session);
}

void check(const Tool& tool, const Options& options) {
  if (options.prompt_option->count() > 0 && options.input_option->count() > 0) {
    fail_usage("-p and -i exclude each other: a prompt has one source");
  }
  if (!options.chat && (options.system_option->count() > 0 || !options.chat_template.empty())) {
    fail_usage("--system and --chat-template are for a conversation: add --chat");
  }
  if (options.chat && options.special) {
    fail_usage("--special and --chat exclude each other: a message is plain text");
  }
  if (options.logprobs > 0 && !tool.common().json()) {
    fail_usage("--logprobs has no place in plain text: add --json");
  }
  for (const std::string& stop : options.stop) {
    if (stop.empty()) fail_usage("--stop: an empty text would stop before the first token");
  }
  const SamplingOptions& sampling = options.sampling;
  if (sampling.temperature == 0 &&
      (sampling.top_k > 0 || sampling.top_p < 1 || sampling.min_p > 0)) {
    tool.warn("--top-k, --top-p and --min-p choose nothing at temperature 0: give --temp");
  }
}

int run(const Tool& tool, Options& options, Clock::time_point started) {
  const CommonValues& common = tool.common();
  check(tool, options);
  if (options.chat && options.tokens_option->count() == 0) options.tokens = -1;
  std::string text = read_prompt(options, common);

  OpenOptions open;
  open.tokenizer_path = options.tokenizer;
  const auto checkpoint = Checkpoint::open(common.model, open);
  if (!checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; give one with --tokenizer FILE",
         lathe::quoted(common.model));
  }
  // Reading a vocabulary takes tens of milliseconds, as much as a small model's weights.
  auto vocabulary = std::async(std::launch::async,
                               [&] { return Tokenizer::create(*checkpoint->tokenizer_files()); });
  std::shared_ptr<const Model> model = Model::load(checkpoint);
  const auto tokenizer = vocabulary.get();
  GenerateOptions how;
  how.sampling = options.sampling;
  how.max_tokens = options.tokens;
  how.stop = options.stop;
  how.ignore_eos = options.ignore_eos;
  how.logprobs = static_cast<int>(options.logprobs);
  const Prompt prompt = options.chat ? chat_prompt(std::move(text), options, *tokenizer, how)
                                     : plain_prompt(std::move(text), options, *tokenizer);
  const auto session = open_session(std::move(model), options, common, prompt.ids.size());
  const double load = seconds_since(started);

  Output output(common.output, common.force);
  const bool streams = !common.json();
  if (streams && options.echo) output.write(prompt.shown);
  const Generation result =
      generate(*session, *tokenizer, prompt.ids, how, [&](std::string_view piece) {
        if (streams) {
          output.write(piece);
          output.flush();
        }
        return true;
      });
  if (!streams) {
    const GenerationRecord record{result, *tokenizer, common.model,
                                  options.echo ? &prompt.shown : nullptr, load};
    output.write(to_json(record) + "\n");
  } else if (common.output == "-" && ::isatty(STDOUT_FILENO) == 1 && !result.text.ends_with('\n')) {
    output.write("\n");  // for the person at the terminal; a pipe gets the text and no more
  }
  output.finish();
  if (common.verbose > 0) {
    const double steps = static_cast<double>(result.ids.size()) - 1;
    tool.note(fmt::format(
        "{} prompt tokens, {} generated ({}); load {:.3f} s, first token {:.3f} s, then {:.1f} "
        "tokens/s",
        result.prompt_tokens, result.ids.size(), to_string(result.reason), load,
        result.timings.first_token,
        result.timings.decode > 0 ? steps / result.timings.decode : 0.0));
  }
  return 0;
}

void add_options(Tool& tool, Options& o) {
  constexpr std::int64_t kMany = std::int64_t{1} << 40;
  CLI::App& app = tool.app();
  o.prompt_option =
      app.add_option("-p,--prompt", o.prompt,
                     "The prompt; without -p it is read from -i, less the last line's newline. "
                     "\"\" begins a new text")
          ->type_name("TEXT");
  o.tokens_option =
      tool.number("-n,--tokens", o.tokens,
                  "Stop after N tokens; -1 is when the model ends the text or the context is "
                  "full (the default with --chat)",
                  -1, kMany);
  tool.number("--ctx", o.context, "Positions for prompt and answer; 0 is all the model has", 0,
              kMany);
  tool.repeatable("--stop", o.stop, "End before TEXT; may be repeated");
  app.add_flag("--ignore-eos", o.ignore_eos, "Go on when the model ends the text");
  app.add_flag("--echo", o.echo, "Print the prompt before the answer");
  app.add_option("--tokenizer", o.tokenizer,
                 "A tokenizer to use instead of the model's own, or for want of one")
      ->type_name("FILE");
  app.add_flag("--special", o.special, "Control tokens spelled in the prompt count as such");

  constexpr const char* kChat = "Conversation";
  app.add_flag("--chat", o.chat, "The prompt is a message; print the answer to it")->group(kChat);
  o.system_option = app.add_option("--system", o.system, "With --chat: the system message")
                        ->type_name("TEXT")
                        ->group(kChat);
  tool.choice("--chat-template", o.chat_template,
              "With --chat: the format, in place of the model's own", ChatTemplate::names())
      ->default_str("")
      ->group(kChat);

  constexpr const char* kSampling = "Sampling, in this order";
  SamplingOptions& s = o.sampling;
  tool.number("--repeat-penalty", s.repeat_penalty,
              "Divide the logits of recent tokens by X; 1 is off", 1e-6, 1e6)
      ->group(kSampling);
  tool.number("--repeat-last", s.repeat_last, "How many tokens are recent; -1 is all", -1, kMany)
      ->group(kSampling);
  tool.number("--temp", s.temperature, "Temperature; 0 takes the most probable token each time", 0,
              1e6)
      ->group(kSampling);
  tool.number("--top-k", s.top_k, "Keep the N most probable tokens; 0 is off", 0, kMany)
      ->group(kSampling);
  tool.number("--top-p", s.top_p, "Keep the most probable tokens that reach X together; 1 is off",
              0, 1)
      ->group(kSampling);
  tool.number("--min-p", s.min_p, "Keep tokens at least X times as probable as the best; 0 is off",
              0, 1)
      ->group(kSampling);
  tool.number("--seed", s.seed, "The same seed draws the same text")->group(kSampling);

  tool.number("--logprobs", o.logprobs, "With --json: log-probabilities, with the N best tokens", 0,
              1000);
  tool.choice("--kv-type", o.kv_type, "Type of the KV cache", {"f16", "f32", "int8"});
}

}  // namespace

int main(int argc, char** argv) {
  const Clock::time_point started = Clock::now();
  Tool tool("generate", "continue a text, or answer a message, with a model");
  Options options;
  add_options(tool, options);
  tool.add_common(kModel | kInput | kOutput | kThreads | kJson);
  options.input_option = tool.app().get_option("--input");
  tool.synopsis("-m MODEL [-p TEXT | -i FILE] [OPTION]...");
  tool.example("generate -m model.lathe -p \"Once upon a time\" -n 200", "Continue a text");
  tool.example("git diff | generate -m model.gguf --chat --system \"Write a commit message.\"",
               "Answer a message that comes through a pipe");
  tool.example("generate -m model.lathe -p \"Names for a cat:\" --temp 0.8 --top-p 0.95 --seed 7",
               "Draw instead of taking the most probable token; another seed gives another text");
  tool.example("generate -m model.lathe -i question.txt --stop \"###\" --json | jq -r .text",
               "Ids, finish reason and timings beside the text");
  tool.see_also("convert(1), tokenize(1), bench(1), lathe(7)");
  return tool.run(argc, argv, [&] { return run(tool, options, started); });
}
