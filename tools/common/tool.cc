#include "common/tool.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "lathe/host/cpu_count.h"
#include "lathe/host/json_text.h"
#include "lathe/version.h"

#include "common/ensemble.h"
#include "common/help.h"
#include "common/output.h"
#include "common/process.h"
#include "common/usage_error.h"

#ifndef LATHE_PROGRAM_PREFIX
#define LATHE_PROGRAM_PREFIX ""
#endif

namespace lathe::tool {
namespace {

constexpr const char* kCommonGroup = "Common options";
constexpr const char* kPipeline = "--pipeline";

struct PrintCompletions {
  std::string shell;
};

void to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody listens
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// --error-format is needed even when parsing stops before it.
bool asks_for_json_errors(int argc, char** argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (word == "--error-format" && i + 1 < argc) json = std::string_view(argv[i + 1]) == "json";
    if (word.starts_with("--error-format=")) json = word.substr(15) == "json";
  }
  return json;
}

const CLI::Option* option_of(const CLI::App& app, const std::string& name) {
  return name.size() < 2 ? nullptr : app.get_option_no_throw(name);
}

// Whether the word after this one is a value, whatever it looks like.
bool takes_next_word(const CLI::App& app, const std::string& word) {
  const bool is_long = word.starts_with("--");
  if (!word.starts_with("-") || word.find('=') != std::string::npos) return false;
  const CLI::Option* option = option_of(app, is_long ? word : std::string{'-', word.back()});
  return option != nullptr && option->get_items_expected_max() > 0;
}

// The words as CLI11 understands them. It takes "--name=" as "--name" and eats the next word, so
// the empty value becomes a word; and it makes a number of what a flag is given, as in
// "--verbose=x", where no flag has a value.
std::vector<std::string> command_line_words(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words;
  bool is_value = false, options_end = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    words.push_back(word);
    if (std::exchange(is_value, false) || options_end) continue;
    options_end = word == "--";
    is_value = takes_next_word(app, word);
    const auto equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    const std::string name = word.substr(0, equals);
    const CLI::Option* option = option_of(app, name);
    if (option != nullptr && option->get_items_expected_max() == 0) {
      fail_usage("{} takes no value, so {} means nothing", name, lathe::quoted(word));
    }
    if (name.size() > 2 && equals + 1 == word.size()) {
      words.back() = name;
      words.emplace_back();
    }
  }
  return words;
}

// The last -m would win in silence, and the model that somebody meant might be the first.
void check_one_model(const CLI::App& app, const std::string& name) {
  const CLI::Option* model = app.get_option_no_throw("--model");
  if (model == nullptr || model->count() < 2) return;
  if (model->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll) return;
  fail_usage("-m is given {} times, and {} reads one model", model->count(), name);
}

}  // namespace

int CommonValues::threads_or_default() const {
  if (threads > 0) return static_cast<int>(threads);
  return own_cpus > 0 ? own_cpus : available_cpus();
}

Tool::Tool(std::string name, std::string summary)
    : name_(LATHE_PROGRAM_PREFIX + std::move(name)),
      summary_(std::move(summary)),
      app_(std::make_unique<CLI::App>()) {
  app_->name(name_);
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

Tool::~Tool() = default;

void Tool::add_common(unsigned options, std::vector<std::string> formats) {
  if ((options & (kModel | kModelOptional)) != 0) {
    auto* model = app_->add_option("-m,--model", common_.model,
                                   "The model: a .lathe or .gguf file, or a Hugging Face folder");
    model->type_name("MODEL")->group(kCommonGroup);
    if ((options & kModel) != 0) model->required();
  }
  if ((options & kInput) != 0) {
    app_->add_option("-i,--input", common_.input, "Read from FILE; - is standard input")
        ->type_name("FILE")
        ->default_str("-")
        ->group(kCommonGroup);
  }
  if ((options & kOutput) != 0) {
    app_->add_option("-o,--output", common_.output, "Write to FILE; - is standard output")
        ->type_name("FILE")
        ->default_str("-")
        ->group(kCommonGroup);
    app_->add_flag("-f,--force", common_.force, "Replace the output if it exists")
        ->group(kCommonGroup);
  }
  if ((options & kThreads) != 0) {
    number("-t,--threads", common_.threads,
           "Number of threads (default: the cores this process may use)", 1, 1024)
        ->default_str("")
        ->group(kCommonGroup);
  }
  if ((options & kJson) != 0) {
    common_.format = formats.front();
    format_option_ =
        choice("--format", common_.format, "Form of the result", formats)->group(kCommonGroup);
    app_->add_flag("--json", json_flag_, "Short for --format json")->group(kCommonGroup);
  }
  app_->add_flag("-q,--quiet", common_.quiet, "No notices and no progress bar")
      ->group(kCommonGroup);
  verbose_option_ = app_->add_flag_function(
                            "-v,--verbose", [](std::int64_t) {}, "Say more on standard error")
                        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                        ->group(kCommonGroup);
  choice("--progress", common_.progress, "Progress bar on standard error",
         {"auto", "always", "never"})
      ->group(kCommonGroup);
  choice("--error-format", common_.error_format, "Form of the last line on standard error",
         {"text", "json"})
      ->group(kCommonGroup);
  app_->set_help_flag("-h,--help", "Print this help and exit")->group(kCommonGroup);
  app_->set_version_flag(
          "-V,--version", [] { return std::string(); },
          "Print the version, the instruction set in use and library versions, and exit")
      ->group(kCommonGroup);
  app_->add_option_function<std::string>(
          "--completions",
          [](const std::string& shell) {
            if (shell != "bash" && shell != "zsh" && shell != "fish") {
              throw CLI::ValidationError(fmt::format(
                  "--completions: {} is not one of bash, zsh, fish", lathe::quoted(shell)));
            }
            throw PrintCompletions{shell};
          },
          "Print a completion script")
      ->type_name("bash|zsh|fish")
      ->group("")
      ->trigger_on_parse();
}

std::string Tool::help() const {
  std::string out = fmt::format("{} - {}\n\n", name_, summary_);
  const std::string usage = fmt::format("Usage: {} ", name_);
  out += usage + wrap(synopsis_, usage.size(), usage.size()) + "\n";
  out += format_options(*app_);
  if (!examples_.empty()) out += "\nExamples:\n";
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    if (i > 0) out += "\n";
    out += wrap(examples_[i].what, "  # ") + "\n  " + examples_[i].command + "\n";
  }
  out +=
      "\nExit status:\n"
      "  0 done; 1 finished, but a record failed or a gate was missed; 2 wrong usage;\n"
      "  3 invalid input; 4 input/output error, or the output exists; 5 out of memory\n"
      "  or over a limit; 6 not supported; 70 a bug; 128+n ended by signal n\n";
  return out + "\nSee also: " + see_also_ + "\n";
}

void Tool::note(std::string_view text) const {
  if (!common_.quiet) to_stderr(fmt::format("{}: {}\n", name_, printable(text)));
}

void Tool::warn(std::string_view text) const {
  to_stderr(fmt::format("{}: warning: {}\n", name_, printable(text)));
}

int Tool::report(ErrorCode code, const std::string& message) const {
  if (common_.error_format == "json") {
    const nlohmann::ordered_json object = {{"error",
                                            {{"tool", name_},
                                             {"code", to_string(code)},
                                             {"exit", static_cast<int>(code)},
                                             {"message", printable(message)}}}};
    to_stderr(json_text(object) + "\n");
  } else {
    to_stderr(fmt::format("{}: error: {}\n", name_, printable(message)));
  }
  return static_cast<int>(code);
}

int Tool::parse_and_run(int argc, char** argv, const std::function<int()>& body) {
  const auto print = [](const std::string& text) {
    Output out("-", false);
    out.write(text);
    out.finish();
    return 0;
  };
  try {
    const std::vector<std::string> words = command_line_words(*app_, argc, argv);
    app_->parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11's order
    if (verbose_option_ != nullptr) common_.verbose = static_cast<int>(verbose_option_->count());
    if (json_flag_) {
      if (format_option_ != nullptr && format_option_->count() > 0 && !common_.json()) {
        fail_usage("--json and --format {} exclude each other", common_.format);
      }
      common_.format = "json";
    }
    if (common_.output.empty()) fail_usage("-o names no file");
    check_one_model(*app_, name_);
    if (ensemble_ != nullptr && app_->get_option(kPipeline)->count() > 0) {
      ensemble_->share_layers();
      common_.own_cpus = 0;  // they take turns
    }
    set_default_threads(common_.threads > 0 ? static_cast<int>(common_.threads) : common_.own_cpus);
    return body();
  } catch (const CLI::CallForHelp&) {
    return print(help());
  } catch (const CLI::CallForVersion&) {
    return print(version_details());
  } catch (const PrintCompletions& request) {
    return print(completion_script(*app_, name_, request.shell));
  } catch (const CLI::ParseError& error) {
    fail_usage("{} (see {} --help)", usage_error(*app_, error), name_);
  }
}

bool Tool::leads(int argc, char** argv) {
  if (!together_) return true;
  const JoinedEnsemble joined = join_ensemble(argc, argv, [this](int status, const auto& sentence) {
    report(static_cast<ErrorCode>(status), sentence);
  });
  ensemble_ = joined.ensemble;
  common_.own_cpus = joined.threads;
  return ensemble_ == nullptr || ensemble_->rank() == 0;
}

int Tool::run(int argc, char** argv, const std::function<int()>& body) {
  prepare_process();
  if (together_) {
    app_->add_flag(kPipeline)->description(
        "Where mpirun starts several: each process has whole layers, not rows of every matrix");
  }
  if (asks_for_json_errors(argc, argv)) common_.error_format = "json";
  // Whatever becomes of this process: the others wait for orders.
  struct Ending {
    ~Ending() {
      if (ensemble != nullptr && ensemble->rank() == 0) ensemble->end();
      ensemble.reset();
    }
    std::shared_ptr<Ensemble>& ensemble;
  };
  const Ending ending{ensemble_};
  try {
    if (!leads(argc, argv)) {
      ensemble_->follow();
      return 0;
    }
    const int status = parse_and_run(argc, argv, body);
    if (::close(STDOUT_FILENO) != 0 && errno != EBADF) {
      return report(ErrorCode::kIo,
                    fmt::format("standard output: cannot close: {}", std::strerror(errno)));
    }
    return status;
  } catch (const ClosedPipe&) {
    die_of_closed_pipe();
  } catch (const Error& error) {
    return report(error.code(), error.message());
  } catch (const std::bad_alloc&) {
    return report(ErrorCode::kLimit, "out of memory");
  } catch (const std::length_error&) {
    // A container was to have more elements than addresses go round.
    return report(ErrorCode::kLimit, "out of memory: a number is far too large");
  } catch (const std::system_error& error) {
    // Threads, mostly: the process may have no more of them, or no memory for their stacks.
    return report(ErrorCode::kLimit, fmt::format("the system refuses a resource: {}",
                                                 escape_for_terminal(error.what())));
  } catch (const std::exception& error) {
    return report(ErrorCode::kBug, fmt::format("unexpected: {}; please report this bug",
                                               escape_for_terminal(error.what())));
  }
}

}  // namespace lathe::tool
