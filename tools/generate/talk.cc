#include "generate/talk.h"

#include <array>
#include <atomic>
#include <csignal>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "lathe/chat_json.h"
#include "lathe/conversation.h"
#include "lathe/host/escape.h"
#include "lathe/host/output_file.h"

#include "common/fail.h"
#include "common/given.h"
#include "common/output.h"
#include "generate/chat_form.h"
#include "generate/drafts.h"
#include "generate/exchange_shift.h"
#include "generate/history.h"
#include "generate/line_editor.h"
#include "generate/open_session.h"
#include "generate/running.h"

namespace lathe::tool {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// While it lives, Ctrl-C stops an answer and not the program.
class AnswerSignal {
 public:
  AnswerSignal() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &before_);
  }
  ~AnswerSignal() { ::sigaction(SIGINT, &before_, nullptr); }
  AnswerSignal(const AnswerSignal&) = delete;
  AnswerSignal& operator=(const AnswerSignal&) = delete;

 private:
  struct sigaction before_ {};
};

// -n is for an answer; the session holds all of them.
GenerateFlags whole_context(GenerateFlags flags) {
  flags.tokens = -1;
  return flags;
}

class Talk {
 public:
  Talk(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened)
      : tool_(tool),
        flags_(flags),
        opened_(opened),
        form_(tool, flags, *opened.tokenizer),
        history_(flags.history),
        session_(open_session(tool, opened.model, whole_context(flags), 1)),
        text_(*session_, opened.tokenizer),
        speculator_(make_speculator(tool, flags, opened)),
        output_("-", false) {
    request_ = history_.request();
    form_.complete(request_, !flags.history.empty());
    kept_ = history_.request().messages.size();
  }

  int run() {
    if (tool_.common().verbose > 0) tell_of_run(tool_, opened_, flags_, 1);
    tool_.note("Ctrl-C stops an answer, Ctrl-D ends the conversation, /help lists what else");
    if (kept_ > 0) tool_.note(fmt::format("{} messages so far", kept_));
    const AnswerSignal signal;
    LineEditor editor("> ");
    for (;;) {
      interrupted =
          false;  // what comes from here on, also before the first word, is for the answer
      LineEditor::Line line = editor.read();
      if (line.end == LineEditor::End::kClosed) break;
      if (line.end == LineEditor::End::kCancelled || line.text.empty()) continue;
      if (line.text.starts_with('/') && !line.text.starts_with("//")) {
        if (!obey(line.text)) break;
        continue;
      }
      if (line.text.starts_with("//")) line.text.erase(0, 1);
      attempt(std::move(line.text));
    }
    output_.write("\n");
    output_.finish();
    return 0;
  }

 private:
  // A turn that cannot be taken leaves the conversation as it was.
  void attempt(std::string message) {
    const std::size_t before = request_.messages.size();
    try {
      answer(std::move(message));
    } catch (const Error& error) {
      request_.messages.resize(before);
      tool_.warn(error.message());
      if (error.code() == ErrorCode::kLimit) tool_.note("/clear begins a new conversation");
    }
  }

  void answer(std::string message) {
    request_.messages.push_back({"user", std::move(message)});
    GenerateOptions how = flags_.generate_options();
    how.sampling.seed += turn_;
    if (flags_.context_shift) {
      how.shorten = [this](auto... text) { return shift_.shorten(text...); };
    }
    const std::size_t left_out = shift_.left_out();
    const Prompt prompt = form_.prompt(shift_.shown(), how);
    const Generation answer = text_.generate(
        prompt.ids, how,
        [this](std::string_view piece) {
          output_.write(piece);
          output_.flush();
          return !interrupted.load();
        },
        speculator_.get());
    output_.write(answer.text.ends_with('\n') ? "" : "\n");
    output_.flush();
    note_loop(tool_, answer);
    if (shift_.left_out() != left_out) note_shift(tool_, shift_.left_out());
    if (answer.reason == FinishReason::kContext) {
      tool_.note(fmt::format("the context is full{}; /clear begins a new conversation",
                             flags_.context_shift ? " of this exchange" : ""));
    }
    if (tool_.common().verbose > 0) {
      tool_.note(fmt::format("{} tokens, {} of them read before; {} generated ({})",
                             prompt.ids.size(), text_.reused(), answer.ids.size(),
                             to_string(answer.reason)));
    }
    request_.messages.push_back(answer_message(answer));
    ++turn_;
    // What the file does not have yet: the turn, and at the beginning what stands before it.
    history_.append(std::span(request_.messages).subspan(kept_));
    kept_ = request_.messages.size();
  }

  // False: the conversation ends.
  bool obey(const std::string& line) {
    const std::string command = line.substr(0, line.find(' '));
    std::string argument = command.size() < line.size() ? line.substr(command.size() + 1) : "";
    if (command == "/quit") return false;
    if (command == "/clear") {
      forget();
    } else if (command == "/save" && !argument.empty()) {
      save(argument);
    } else if (command == "/help") {
      tool_.note(
          "/clear forgets what was said, /save FILE writes it as JSON for --messages, /quit ends; "
          "// begins a message with a slash. Lines that are pasted together are one message");
    } else {
      tool_.warn(
          fmt::format("{}: there is no such command; /help lists them", lathe::quoted(command)));
    }
    return true;
  }

  void forget() {
    if (!flags_.history.empty()) {
      tool_.warn("/clear: --history keeps the conversation; another file begins another one");
      return;
    }
    const bool system = !request_.messages.empty() && request_.messages.front().role == "system";
    request_.messages.resize(system ? 1 : 0);
    kept_ = 0;
    text_.clear();
    shift_.forget();
  }

  void save(const std::string& path) {
    try {
      OutputFile file(path, tool_.common().force);
      file.write(append_chat_messages("", path, request_.messages));
      file.commit();
    } catch (const Error& error) {
      tool_.warn(error.message());
    }
  }

  const Tool& tool_;
  const GenerateFlags& flags_;
  const OpenedModel& opened_;
  ChatForm form_;
  History history_;
  std::unique_ptr<Session> session_;
  Conversation text_;
  std::shared_ptr<Speculator> speculator_;
  Output output_;
  ChatRequest request_;
  ExchangeShift shift_{form_, request_};
  std::size_t kept_ = 0;  // messages that the file has
  std::uint64_t turn_ = 0;
};

}  // namespace

bool wants_talk(const Tool& tool, const GenerateFlags& flags) {
  const CommonValues& common = tool.common();
  const bool talk = flags.chat && !flags.batch() && !given(flags.prompt_option) &&
                    !given(flags.input_option) && flags.messages.empty() && !common.json() &&
                    common.output == "-" && ::isatty(STDIN_FILENO) == 1 && writes_to_terminal();
  if (talk && flags.uses_engine()) {
    fail_usage("--cache-dir has no use at the terminal: a conversation reads nothing twice");
  }
  if (talk && flags.check != nullptr) {
    fail_usage("--check-cmd has no use at the terminal: whoever reads an answer there judges it");
  }
  if (talk && flags.echo) {
    fail_usage("--echo has no use at the terminal: what was typed stands there");
  }
  return talk;
}

int run_talk(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened) {
  return Talk(tool, flags, opened).run();
}

}  // namespace lathe::tool
