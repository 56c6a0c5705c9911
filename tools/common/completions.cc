// Completion scripts for bash, zsh and fish, from the option table alone.
#include <fmt/format.h>

#include "common/help.h"
#include "common/value_words.h"

namespace lathe::tool {
namespace {

struct Entry {
  std::vector<std::string> names;  // with their dashes
  std::string help;                // one line
  ValueKind value;
};

std::vector<Entry> entries(const CLI::App& app) {
  std::vector<Entry> out;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_group().empty()) continue;
    Entry entry;
    for (const auto& name : option->get_snames()) entry.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) entry.names.push_back("--" + name);
    entry.help = option->get_description();
    for (char& c : entry.help) {
      if (c == '\n') c = ' ';
    }
    entry.value = value_kind(*option);
    if (entry.value.choices.empty()) entry.value.choices = value_words(option->get_type_name());
    out.push_back(std::move(entry));
  }
  return out;
}

// Inside single quotes; `also` are characters that zsh wants a backslash before.
std::string in_quotes(const std::string& text, std::string_view also = {}) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (also.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string bash_script(const std::vector<Entry>& table, const std::string& program) {
  std::string function = "_" + program;
  for (char& c : function) {
    if (c == '-') c = '_';
  }
  std::string all, cases;
  for (const Entry& entry : table) {
    for (const auto& name : entry.names) all += (all.empty() ? "" : " ") + name;
    if (!entry.value.takes_value) continue;
    std::string action = "return 0";
    if (!entry.value.choices.empty()) {
      action = fmt::format("words=({}-W '{}')", entry.value.is_file ? "-f " : "",
                           in_quotes(fmt::format("{}", fmt::join(entry.value.choices, " "))));
    } else if (entry.value.is_file) {
      action = "words=(-f)";
    }
    cases += fmt::format("    {}) {} ;;\n", fmt::join(entry.names, "|"), action);
  }
  return fmt::format(
      "# bash completion for {0}, written by {0} --completions bash\n"
      "{1}() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" before= start=\n"
      "  ((COMP_CWORD > 0)) && before=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n"
      "  COMPREPLY=()\n"
      "  # --option=value is one word, or three where = breaks words\n"
      "  if [[ \"$current\" == --*=* ]]; then\n"
      "    before=\"${{current%%=*}}\" start=\"${{current%%=*}}=\" current=\"${{current#*=}}\"\n"
      "  elif [[ \"$current\" == = ]]; then\n"
      "    current=\n"
      "  elif [[ \"$before\" == = ]] && ((COMP_CWORD > 1)); then\n"
      "    before=\"${{COMP_WORDS[COMP_CWORD-2]}}\"\n"
      "  fi\n"
      "  local -a words=(-f)\n"
      "  [[ \"$current\" == -* && -z \"$start\" ]] && words=(-W '{3}')\n"
      "  case \"$before\" in\n{2}  esac\n"
      "  mapfile -t COMPREPLY < <(compgen \"${{words[@]}}\" -P \"$start\" -- \"$current\")\n"
      "}}\n"
      "complete -o filenames -F {1} {0}\n",
      program, function, cases, all);
}

std::string zsh_script(const std::vector<Entry>& table, const std::string& program) {
  std::string out = fmt::format(
      "#compdef {0}\n# zsh completion for {0}, written by {0} --completions zsh\n_arguments -s -S "
      "\\\n",
      program);
  for (const Entry& entry : table) {
    std::string value;
    if (!entry.value.choices.empty() && !entry.value.is_file) {
      value = fmt::format(":value:({})", fmt::join(entry.value.choices, " "));
    } else if (entry.value.takes_value) {
      value = entry.value.is_file ? ":file:_files" : ":value: ";
    }
    for (const auto& name : entry.names) {
      const bool is_long = name.starts_with("--");
      out += fmt::format("  '*{}{}[{}]{}' \\\n", name,
                         !entry.value.takes_value ? "" : (is_long ? "=" : "+"),
                         in_quotes(entry.help, "[]:\\"), value);
    }
  }
  return out + "  '*:file:_files'\n";
}

std::string fish_script(const std::vector<Entry>& table, const std::string& program) {
  std::string out =
      fmt::format("# fish completion for {0}, written by {0} --completions fish\n", program);
  for (const Entry& entry : table) {
    std::string line = "complete -c " + program;
    for (const auto& name : entry.names) {
      line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!entry.value.choices.empty()) {
      line += fmt::format(" {} -a '{}'", entry.value.is_file ? "-r -F" : "-x",
                          fmt::join(entry.value.choices, " "));
    } else if (entry.value.takes_value) {
      line += entry.value.is_file ? " -r -F" : " -x";
    }
    std::string help;
    for (const char c : entry.help) {
      if (c == '\'' || c == '\\') help += '\\';
      help += c;
    }
    out += line + " -d '" + help + "'\n";
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& program,
                              const std::string& shell) {
  const auto table = entries(app);
  if (shell == "bash") return bash_script(table, program);
  if (shell == "zsh") return zsh_script(table, program);
  return fish_script(table, program);
}

}  // namespace lathe::tool
