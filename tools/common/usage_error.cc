#include "common/usage_error.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "lathe/host/escape.h"

#include "common/edit_distance.h"

namespace lathe::tool {
namespace {

std::string closest_option(const CLI::App& app, std::string_view word) {
  std::string best;
  std::size_t best_distance = 3;  // further away is no help
  if (!word.starts_with("--")) return best;
  word = word.substr(0, word.find('='));
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const auto& name : option->get_lnames()) {
      const std::size_t distance =
          edit_distance(std::span(word.substr(2)), std::span(std::string_view(name)));
      if (distance < best_distance && distance < name.size()) {
        best_distance = distance;
        best = "--" + name;
      }
    }
  }
  return best;
}

bool lacks(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  return option != nullptr && option->count() == 0;
}

// "set.csv", "set.jsonl.zst".
bool is_data(std::string_view word) {
  if (word.ends_with(".zst")) word.remove_suffix(4);
  return word.ends_with(".csv") || word.ends_with(".jsonl");
}

// A word without an option: the model, most often, or else what the tool reads.
std::string bare_word(const CLI::App& app, const std::string& word) {
  const std::string shown = lathe::quoted(word);
  const auto positional = [](const CLI::Option* option) { return option->get_positional(); };
  if (!app.get_options(positional).empty()) {
    return fmt::format("{}: one argument too many", shown);
  }
  const CLI::Option* data = app.get_option_no_throw("--data");
  if (data != nullptr && (is_data(word) || !lacks(app, "-m"))) {
    return fmt::format("{}: questions go with their option: --data FILE", shown);
  }
  if (lacks(app, "-m")) return fmt::format("{}: the model goes with its option: -m MODEL", shown);
  const CLI::Option* prompt = app.get_option_no_throw("--prompt");
  if (prompt != nullptr && prompt->count() == 0) {
    return fmt::format("{}: the prompt goes with its option: -p TEXT", shown);
  }
  // As llama-quantize has it: IN OUT TYPE.
  const bool quantizes = app.get_option_no_throw("--calib") != nullptr;
  if (quantizes && (lacks(app, "-s") || lacks(app, "-o"))) {
    return fmt::format("{}: output and scheme go with their options: -o FILE -s SCHEME", shown);
  }
  if (prompt == nullptr && lacks(app, "-i")) {
    return fmt::format("{}: the text goes with its option: -i FILE", shown);
  }
  return fmt::format("{}: one argument too many", shown);
}

}  // namespace

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string message;
  const std::vector<std::string> rest = app.remaining();
  // A misspelt option matters more than the one that seems to be missing for it.
  const bool misspelt = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                        dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (misspelt && !rest.empty()) {
    const std::string& word = rest.front();
    if (word.size() > 1 && word.front() == '-') {
      const std::string close = closest_option(app, word);
      message = fmt::format("{}: unknown option{}", lathe::quoted(word),
                            close.empty() ? "" : fmt::format("; did you mean {}?", close));
    } else {
      message = bare_word(app, word);
    }
  } else {
    message = error.what();  // with what was typed: whoever prints it makes it printable
    std::replace(message.begin(), message.end(), '\n', ' ');
  }
  return message;
}

}  // namespace lathe::tool
