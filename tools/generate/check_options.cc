#include "generate/check_options.h"

#include <CLI/App.hpp>
#include <fmt/format.h>

#include "common/given.h"
#include "generate/check_command.h"
#include "generate/command_judge.h"

namespace lathe::tool {

void add_check_options(Tool& tool, CheckFlags& o) {
  constexpr const char* kGroup = "Who judges the answer while it is written";
  CLI::App& app = tool.app();
  o.command_option =
      app.add_option("--check-cmd", o.command,
                     "A command that gets the answer so far as its input, or in a file that {} in "
                     "it stands for; unless it exits with 0 the answer goes back and tries again")
          ->type_name("CMD")
          ->group(kGroup);
  const auto other = [&](CLI::Option* option) { o.others.push_back(option->group(kGroup)); };
  other(app.add_option("--check-at", o.at,
                       "Where else than at its end: line, sentence, statement, or behind matches "
                       "of a regular expression")
            ->type_name("line|sentence|statement|end|RE")
            ->default_str("end"));
  other(tool.number("--check-tries", o.tries,
                    "Try a passage N times more, then keep the best; the record says so, and the "
                    "exit status is 1",
                    0, 1000));
  other(tool.number("--check-timeout", o.timeout, "What takes longer than X seconds is a no", 0.01,
                    1e6));
  other(app.add_flag("--check-shell", o.shell, "Have /bin/sh run the command; the file is $1"));
  other(app.add_flag("--check-server", o.server,
                     "The command stays, reads a JSON object a line and answers each with one"));
}

std::shared_ptr<const AnswerCheck> read_check(const CheckFlags& o) {
  if (!given(o.command_option)) {
    if (const CLI::Option* option = first_given(o.others); option != nullptr) {
      fail_usage("{} needs --check-cmd", option->get_name());
    }
    return nullptr;
  }
  auto check = std::make_shared<AnswerCheck>();
  check->places = check_places(o.at);
  check->tries = o.tries;
  CheckCommand command(o.command, o.shell);
  if (o.server) {
    check->judge = std::make_shared<ServerJudge>(std::move(command), o.timeout);
  } else {
    check->judge = std::make_shared<CommandJudge>(std::move(command), o.timeout);
  }
  check->source =
      fmt::format("{}{}{}", o.shell ? "shell " : "", o.server ? "server " : "", o.command);
  return check;
}

bool tell_of_check(const Tool& tool, const Generation& answer) {
  if (answer.check == nullptr || !answer.check->failed) return true;
  tool.warn(fmt::format("the answer was not accepted by --check-cmd ({} of {} checks): {}",
                        answer.check->rejected, answer.check->judged, *answer.check->failed));
  return false;
}

}  // namespace lathe::tool
