// What was wrong with a command line, in one sentence.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace lathe::tool {

// A misspelt option is named together with the one that is nearest to it. `app` has parsed the
// words; what was typed stands in the sentence escaped.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace lathe::tool
