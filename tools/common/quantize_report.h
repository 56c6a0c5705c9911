// What quantize prints of an output: a table for people, JSON, and a line for the end.
//
// Names are escaped for the terminal in texts, and are JSON strings (invalid UTF-8 as U+FFFD) in
// JSON.
#pragma once

#include <span>
#include <string>

#include "lathe/quantize.h"

namespace lathe::tool {

// A line per tensor, and one for all of them.
std::string quantize_table(const QuantizeReport& report);

// "FILE: 1.0 MB from 4.0 MB, ..."
std::string quantize_summary(const QuantizeReport& report, const std::string& output);

// Schema lathe.quantize/1; targets and reports belong together one by one.
std::string quantize_json(std::span<const QuantizeTarget> targets,
                          std::span<const QuantizeReport> reports);

}  // namespace lathe::tool
