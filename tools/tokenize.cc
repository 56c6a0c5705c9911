// tokenize: text to token ids and back.
#include <CLI/App.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "lathe/chat_json.h"
#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/lathe.h"

#include "common/chat_options.h"
#include "common/fail.h"
#include "common/input.h"
#include "common/output.h"
#include "common/text.h"
#include "common/tool.h"
#include "tokenize/grammar_check.h"
#include "tokenize/words.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Json = nlohmann::ordered_json;

struct Options {
  bool decode = false, ids = false, pieces = false, count = false, lines = false;
  bool no_special = false, special = false, check = false, render = false;
  std::string chat;     // a file with a conversation
  std::string grammar;  // a file with one, which the lines are checked against
  ChatOptions form;

  bool shows_text() const { return decode || render; }
};

// What became of one document.
struct Record {
  std::vector<TokenId> ids;
  std::string text;  // --decode, --render
  std::string error;
  int code = 0;
};

class Job {
 public:
  Job(const Tool& tool, const Options& options)
      : tool_(tool),
        options_(options),
        tokenizer_(Tokenizer::create(*open_tokenizer_files(tool.common().model))),
        output_(tool.common().output, tool.common().force) {
    warn_of(tool, *tokenizer_);
    encode_.add_special = !options.no_special;
    encode_.parse_special = options.special;
    encode_.threads = tool.common().threads_or_default();
  }

  int run() {
    if (!options_.chat.empty()) {
      run_chat();
    } else if (options_.lines) {
      run_lines();
    } else {
      run_whole();
    }
    output_.finish();
    return failed_ > 0 ? 1 : 0;
  }

 private:
  void run_whole() {
    Record record;
    if (options_.decode) {
      record.ids = parse_ids(read_all(tool_.common().input));
      record.text = tokenizer_->decode(record.ids, options_.special);
    } else {
      const std::string text = read_text(tool_.common().input);
      record.ids = tokenizer_->encode(text, encode_);
      warn_of_two_bos(tool_, *tokenizer_, record.ids);
      if (options_.check) check(text, "the text");
    }
    write(record);
  }

  // The prompt that a conversation becomes.
  void run_chat() {
    ChatRequest request = parse_chat(read_text(options_.chat), options_.chat);
    add_to_request(options_.form, request);
    const ChatTemplate chat = find_chat_template(options_.form, *tokenizer_);
    warn_of_unused(tool_, chat, request);
    const ChatPrompt prompt = chat.render(*tokenizer_, request);
    note_date(tool_, prompt);
    write({chat.encode(*tokenizer_, prompt), prompt.text(), {}});
  }

  // Says where the text that its ids decode to is another.
  void check(std::string_view text, const std::string& what) {
    EncodeOptions plain = encode_;
    plain.add_special = false;
    const std::string back = tokenizer_->decode(tokenizer_->encode(text, plain), true);
    if (back == text) return;
    ++failed_;
    const auto [at, other] = std::mismatch(text.begin(), text.end(), back.begin(), back.end());
    constexpr std::size_t kShown = 16;
    const std::string_view rest = text.substr(static_cast<std::size_t>(at - text.begin()));
    const std::string_view decoded =
        std::string_view(back).substr(static_cast<std::size_t>(other - back.begin()));
    tool_.warn(fmt::format("{} does not come back from its ids: from byte {} on it has {}, they {}",
                           what, at - text.begin(), lathe::quoted(rest.substr(0, kShown)),
                           lathe::quoted(decoded.substr(0, kShown))));
  }

  // Each line a document, each document a record, in order. Lines are gathered while more of
  // them are at hand, so that a pipe that waits for its answer gets it.
  void run_lines() {
    constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
    LineReader reader(tool_.common().input);
    std::vector<std::string> batch;
    std::size_t bytes = 0;
    while (const auto line = reader.next()) {
      if (line->too_long) {
        run_batch(batch);
        bytes = 0;
        Record record;
        record.code = static_cast<int>(ErrorCode::kLimit);
        record.error = fmt::format("line {} is too long", lines_ + 1);
        finish(record);
        continue;
      }
      const bool first = lines_ == 0 && batch.empty();
      batch.emplace_back(first ? without_byte_order_mark(line->text) : line->text);
      bytes += batch.back().size() + 32;
      if (bytes >= kBatchBytes || !more_at_hand()) {
        run_batch(batch);
        output_.flush();
        bytes = 0;
      }
    }
    run_batch(batch);
    if (failed_ > 0) tool_.note(fmt::format("{} of {} lines failed", failed_, lines_));
  }

  bool more_at_hand() const {
    if (tool_.common().input != "-") return true;
    struct stat info {};
    if (fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode)) return true;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, 0) > 0;
  }

  void run_batch(std::vector<std::string>& batch) {
    if (options_.decode) {
      for (const std::string& line : batch) {
        finish(attempt([&](Record& record) {
          record.ids = parse_ids(line);
          record.text = tokenizer_->decode(record.ids, options_.special);
        }));
      }
    } else {
      encode_lines(batch);
    }
    batch.clear();
  }

  void encode_lines(const std::vector<std::string>& batch) {
    const std::vector<std::string_view> texts(batch.begin(), batch.end());
    std::vector<std::vector<TokenId>> all;
    try {
      all = tokenizer_->encode_batch(texts, encode_);
    } catch (const Error&) {  // of one line, and perhaps of others: each on its own
      for (const std::string_view text : texts) {
        finish(attempt([&](Record& record) {
          record.ids = tokenizer_->encode(text, encode_);
          check_line(text);
        }));
      }
      return;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      Record record;
      record.ids = std::move(all[i]);
      check_line(texts[i]);
      finish(record);
    }
  }

  void check_line(std::string_view text) {
    if (options_.check) check(text, fmt::format("line {}", lines_ + 1));
  }

  // The record of the next line: what `work` makes of it, or its error.
  template <typename Work>
  Record attempt(Work&& work) const {
    Record record;
    try {
      work(record);
    } catch (const Error& error) {
      record = Record();
      record.code = static_cast<int>(error.code());
      record.error = fmt::format("line {}: {}", lines_ + 1, error.message());
    }
    return record;
  }

  void finish(const Record& record) {
    ++lines_;
    if (record.code != 0) {
      ++failed_;
      tool_.warn(record.error);
    }
    write(record);
  }

  void write(const Record& record) {
    std::string out;
    if (tool_.common().json()) {
      out = json_text(json(record));
    } else if (record.code != 0) {
      // An empty line keeps the records in step; the error is on stderr.
    } else if (options_.count) {
      out = fmt::format("{}", record.ids.size());
    } else if (options_.shows_text()) {
      out = record.text;
    } else if (options_.pieces) {
      for (const TokenId id : record.ids) {
        if (!out.empty()) out.push_back(' ');
        put_piece(tokenizer_->piece(id), out);
      }
    } else {
      fmt::memory_buffer ids;
      for (const TokenId id : record.ids) {
        fmt::format_to(std::back_inserter(ids), "{}{}", ids.size() == 0 ? "" : " ", id);
      }
      out.assign(ids.data(), ids.size());
    }
    // The text is the document itself: nothing is added to it.
    const bool as_it_is =
        options_.shows_text() && !options_.lines && !options_.count && !tool_.common().json();
    if (!as_it_is) out.push_back('\n');
    output_.write(out);
  }

  Json json(const Record& record) const {
    if (record.code != 0) return {{"error", {{"code", record.code}, {"message", record.error}}}};
    Json out;
    out["count"] = record.ids.size();
    if (options_.shows_text()) out["text"] = record.text;
    if (options_.count) return out;
    out["ids"] = record.ids;
    if (options_.pieces) {
      Json pieces = Json::array();
      for (const TokenId id : record.ids) pieces.push_back(tokenizer_->piece(id));
      out["pieces"] = std::move(pieces);
    }
    return out;
  }

  const Tool& tool_;
  const Options& options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  EncodeOptions encode_;
  Output output_;
  std::size_t lines_ = 0, failed_ = 0;
};

void add_options(Tool& tool, Options& options) {
  CLI::App& app = tool.app();
  auto* ids = app.add_flag("--ids", options.ids, "Print ids (the default)");
  auto* pieces =
      app.add_flag("--pieces", options.pieces, "Print the tokens as the vocabulary spells them");
  auto* count = app.add_flag("--count", options.count, "Print how many tokens there are")
                    ->excludes(ids)
                    ->excludes(pieces);
  app.add_flag("-d,--decode", options.decode, "Ids to text; separators may be spaces or commas")
      ->excludes(pieces);
  app.add_flag("-l,--lines", options.lines, "Each line is a document of its own");
  app.add_flag("--check", options.check,
               "Decode the ids and say where another text comes back; the status is 1 then")
      ->excludes("--decode");
  app.add_option("--grammar", options.grammar,
                 "With --check, and without a model: say of each line whether the grammar in FILE "
                 "accepts it, and where not")
      ->type_name("FILE")
      ->excludes("--decode");
  app.add_flag("--no-special", options.no_special, "Do not add BOS and EOS");
  app.add_flag("--special", options.special,
               "Recognise control tokens in the text; with --decode, show them");

  constexpr const char* kChat = "Conversation";
  auto* chat = app.add_option("--chat", options.chat,
                              "Tokenize the prompt that the conversation in FILE, a JSON array of "
                              "messages, becomes")
                   ->type_name("FILE")
                   ->group(kChat);
  for (const char* other :
       {"--input", "--decode", "--lines", "--check", "--no-special", "--special"}) {
    chat->excludes(other);
  }
  app.add_flag("--render", options.render, "With --chat: print the prompt as text")
      ->excludes(ids)
      ->excludes(pieces)
      ->excludes(count)
      ->group(kChat);
  add_chat_options(tool, options.form, "With --chat: ", kChat);
}

void check_options(const Tool& tool, const Options& options) {
  if (!options.grammar.empty()) {
    if (!options.check) fail_usage("--grammar checks lines: add --check");
    if (!options.chat.empty()) fail_usage("--grammar and --chat exclude each other");
    return;
  }
  if (tool.common().model.empty()) fail_usage("--model is required");
  if (!options.chat.empty()) return;
  if (options.render) fail_usage("--render shows a conversation: add --chat FILE");
  if (const CLI::Option* option = options.form.given()) {
    fail_usage("{} is for a conversation: add --chat FILE", option->get_name());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("tokenize", "turn text into token ids and back");
  Options options;
  tool.add_common(kModelOptional | kInput | kOutput | kThreads | kJson);
  add_options(tool, options);
  tool.synopsis("-m MODEL [-i FILE | --chat FILE] [-o FILE] [OPTION]...");
  tool.example("echo 'Hello world' | tokenize -m model.gguf", "The ids of a text");
  tool.example("tokenize -m model.lathe -i book.txt --count", "How many tokens a file has");
  tool.example("tokenize -m tokenizer.json --lines -i lines.txt --json", "A JSON object per line");
  tool.example("tokenize -m model.gguf -i book.txt | tokenize -m model.gguf --decode",
               "There and back");
  tool.example("tokenize -m model.gguf --chat talk.json --render",
               "The prompt that a conversation becomes");
  tool.example("tokenize --grammar list.gbnf --check -i answers.txt",
               "Which lines a grammar accepts, and where others go wrong");
  tool.see_also("generate(1), convert(1), lathe(7)");
  return tool.run(argc, argv, [&] {
    check_options(tool, options);
    if (!options.grammar.empty()) return check_lines(tool, options.grammar);
    return Job(tool, options).run();
  });
}
