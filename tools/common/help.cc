#include "common/help.h"

#include <algorithm>

namespace lathe::tool {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kHelpColumn = 26;
constexpr std::size_t kMaxTypeName = 40;  // longer lists of choices stand in the help's text

bool has_long_type(const CLI::Option& option) {
  return option.get_type_name().size() > kMaxTypeName;
}

std::string names_of(const CLI::Option& option) {
  std::string out;
  if (option.get_positional()) return option.get_type_name();
  for (const auto& name : option.get_snames()) out += (out.empty() ? "-" : ", -") + name;
  if (out.empty()) out = "    ";  // long names stand in one column
  for (const auto& name : option.get_lnames()) {
    out += (out.find('-') == std::string::npos ? "--" : ", --") + name;
  }
  if (value_kind(option).takes_value) {
    out += " " + (has_long_type(option) ? "NAME" : option.get_type_name());
  }
  return out;
}

}  // namespace

ValueKind value_kind(const CLI::Option& option) {
  ValueKind kind;
  kind.takes_value = option.get_expected_max() > 0 && option.get_type_size_max() > 0;
  if (!kind.takes_value) return kind;
  const std::string type = option.get_type_name();
  kind.is_file = type.find("FILE") != std::string::npos ||
                 type.find("MODEL") != std::string::npos ||
                 type.find("FOLDER") != std::string::npos ||
                 type.find("ADAPTER") != std::string::npos || type.find("DIR") != std::string::npos;
  if (type.find('|') == std::string::npos || type == "FILE|NAME") return kind;
  std::size_t at = 0;
  while (at <= type.size()) {
    const std::size_t bar = std::min(type.find('|', at), type.size());
    const std::string word = type.substr(at, bar - at);
    if (!word.empty() && word != "…" && word != "...") kind.choices.push_back(word);
    at = bar + 1;
  }
  return kind;
}

std::string wrap(const std::string& text, std::size_t indent, std::size_t first_column) {
  std::string out;
  std::size_t column = first_column;
  std::size_t at = 0;
  bool at_start = true;
  while (at < text.size()) {
    std::size_t end = text.find_first_of(" \n", at);
    if (end == std::string::npos) end = text.size();
    const std::string word = text.substr(at, end - at);
    // Columns, not bytes: continuation bytes of UTF-8 take none.
    const auto width = static_cast<std::size_t>(std::count_if(word.begin(), word.end(), [](char c) {
      return (static_cast<unsigned>(c) & 0xc0u) != 0x80u;
    }));
    if (!at_start && column + 1 + width > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      at_start = true;
    }
    if (!at_start) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
    at_start = false;
    if (end < text.size() && text[end] == '\n') {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      at_start = true;
    }
    at = end + 1;
  }
  return out;
}

std::string wrap(const std::string& text, const std::string& start) {
  const std::string indented = wrap(text, start.size(), start.size());
  std::string out = start;
  for (std::size_t i = 0; i < indented.size(); ++i) {
    out += indented[i];
    if (indented[i] != '\n') continue;
    out += start;
    i += start.size();  // the spaces that wrap() put there
  }
  return out;
}

std::string format_options(const CLI::App& app) {
  // Groups in the order in which their first option was added; the common ones come last.
  std::vector<std::string> groups;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& group = option->get_group();
    if (group.empty() || option->get_positional()) continue;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group != "Common options"; });
  groups.insert(groups.begin(), "Arguments");
  std::string out;
  for (const std::string& group : groups) {
    std::string lines;
    for (const CLI::Option* option : app.get_options()) {
      const bool belongs = option->get_positional()
                               ? group == "Arguments" && !option->get_group().empty()
                               : option->get_group() == group;
      if (!belongs) continue;
      std::string line = "  " + names_of(*option);
      std::string help = option->get_description();
      if (has_long_type(*option)) {
        help += "; one of";
        for (const std::string& choice : value_kind(*option).choices) {
          help += (help.ends_with("one of") ? " " : ", ") + choice;
        }
      }
      if (!option->get_default_str().empty()) {
        help += " (default: " + option->get_default_str() + ")";
      }
      if (line.size() + 2 > kHelpColumn) {
        line += "\n" + std::string(kHelpColumn, ' ');
      } else {
        line.resize(kHelpColumn, ' ');
      }
      lines += line + wrap(help, kHelpColumn, kHelpColumn) + "\n";
    }
    if (!lines.empty()) out += "\n" + group + ":\n" + lines;
  }
  return out;
}

}  // namespace lathe::tool
