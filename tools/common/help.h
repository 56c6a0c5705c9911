// --help and the completions, written from the option table.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace lathe::tool {

// The table's options in groups, wrapped to 80 columns.
std::string format_options(const CLI::App& app);

// Text broken at spaces into lines of at most 80 columns, all but the first indented.
std::string wrap(const std::string& text, std::size_t indent, std::size_t first_column);
// The same with every line, the first too, beginning with `start`.
std::string wrap(const std::string& text, const std::string& start);

// What a value is, told from the option's type name.
struct ValueKind {
  bool takes_value = false;
  bool is_file = false;              // FILE, MODEL, FOLDER...
  std::vector<std::string> choices;  // "auto|always|never"
};
ValueKind value_kind(const CLI::Option& option);

// A completion script. `shell` is bash, zsh or fish; `program` the name that is completed.
std::string completion_script(const CLI::App& app, const std::string& program,
                              const std::string& shell);

}  // namespace lathe::tool
