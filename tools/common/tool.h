// What the main of every tool is made of: one option table, one place that catches.
//
//   int main(int argc, char** argv) {
//     Tool tool("tokenize", "turn text into token ids and back");
//     tool.add_common(kModel | kInput | kOutput | kThreads);
//     bool decode = false;
//     tool.app().add_flag("-d,--decode", decode, "ids to text");
//     tool.example("tokenize -m model.gguf -i book.txt", "The ids of a file");
//     return tool.run(argc, argv, [&] { ...; return 0; });
//   }
//
// The CLI::App is the one table: the parser, --help and the shell completions come from it.
// Option help: the first line of CLI11's description; the value's name is its type_name
// ("FILE", "N"); a type_name like "auto|always|never" is a choice, which completions offer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/host/progress.h"

#include "common/fail.h"

namespace CLI {  // CLI/App.hpp: long to compile, and needed by those who add options only
class App;
class Option;
}  // namespace CLI

namespace lathe {
class Ensemble;  // lathe/ensemble.h
}

namespace lathe::tool {

// Which of the common options (lathe(7)) a tool offers. --progress, -q, -v, --error-format,
// -h and -V are always there.
enum CommonOption : unsigned {
  kModel = 1u << 0,          // -m, --model FILE (required)
  kInput = 1u << 1,          // -i, --input FILE
  kOutput = 1u << 2,         // -o, --output FILE and -f, --force
  kThreads = 1u << 3,        // -t, --threads N
  kJson = 1u << 4,           // --format text|json and --json
  kModelOptional = 1u << 5,  // as kModel, not required
};

struct CommonValues {
  std::string model;
  std::string input = "-";   // "-" is standard input
  std::string output = "-";  // "-" is standard output
  bool force = false;
  std::int64_t threads = 0;  // 0: not given. threads_or_default() gives the number to use
  bool quiet = false;
  int verbose = 0;  // how many -v
  std::string progress = "auto";
  std::string format = "text";
  std::string error_format = "text";
  int own_cpus = 0;  // beside other processes of an ensemble; 0: all that it may use

  bool json() const { return format == "json"; }
  int threads_or_default() const;
};

class Tool {
 public:
  // `summary` continues the name, as in a man page's NAME line.
  Tool(std::string name, std::string summary);
  ~Tool();
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;

  CLI::App& app() noexcept { return *app_; }
  const CommonValues& common() const noexcept { return common_; }
  const std::string& name() const noexcept { return name_; }

  // `formats` are the values of --format where kJson is asked for; the first is the default.
  void add_common(unsigned options, std::vector<std::string> formats = {"text", "json"});

  // Options with a checked range, parsed without regard to locale. The value is shown as the
  // default in --help (clear that with ->default_str("")).
  CLI::Option* number(const std::string& names, std::int64_t& value, const std::string& help,
                      std::int64_t min, std::int64_t max);
  CLI::Option* number(const std::string& names, std::uint64_t& value, const std::string& help);
  CLI::Option* number(const std::string& names, double& value, const std::string& help, double min,
                      double max);
  // Bytes: "100000", "500M", "2G" (powers of ten). The default is shown as it is written here.
  CLI::Option* size(const std::string& names, std::uint64_t& value, const std::string& help,
                    const std::string& shown_default);
  // One of a few words.
  CLI::Option* choice(const std::string& names, std::string& value, const std::string& help,
                      const std::vector<std::string>& choices);
  // May be given more than once; each takes one value, whatever is in it.
  CLI::Option* repeatable(const std::string& names, std::vector<std::string>& values,
                          const std::string& help);

  // The rest of --help. The synopsis is what follows the name in its usage line.
  void synopsis(std::string text) { synopsis_ = std::move(text); }
  void example(std::string command, std::string what) {
    examples_.push_back({std::move(command), std::move(what)});
  }
  void see_also(std::string text) { see_also_ = std::move(text); }

  // Where mpirun has started several processes, the first runs the program, with the others as its
  // ensemble(): for tools that compute with models (Model::load). Call before run().
  void compute_together() noexcept { together_ = true; }
  const std::shared_ptr<Ensemble>& ensemble() const noexcept { return ensemble_; }

  // Parses, calls `body` and turns what it returns (0, or 1 when a record failed) or throws
  // into the exit status; sees to signals, closed descriptors and the last line on stderr.
  int run(int argc, char** argv, const std::function<int()>& body);

  // One line on stderr, "tokenize: text"; silent with -q. What a terminal would obey is shown as
  // text (printable()), wherever it came from.
  void note(std::string_view text) const;
  void warn(std::string_view text) const;  // "tokenize: warning: text", even with -q

  std::string help() const;

  struct Example {
    std::string command, what;
  };

 private:
  int report(ErrorCode code, const std::string& message) const;
  // Whether this process is to run the program.
  bool leads(int argc, char** argv);
  int parse_and_run(int argc, char** argv, const std::function<int()>& body);

  std::string name_, summary_, synopsis_ = "[OPTION]...";
  std::string see_also_ = "lathe(7)";
  std::vector<Example> examples_;
  CommonValues common_;
  bool together_ = false;
  std::shared_ptr<Ensemble> ensemble_;
  bool json_flag_ = false;
  CLI::Option* format_option_ = nullptr;
  CLI::Option* verbose_option_ = nullptr;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace lathe::tool
