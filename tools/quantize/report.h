// What quantize prints of an output: a table for people, JSON, and a line for the end.
//
// Names are escaped for the terminal in texts, and are JSON strings (invalid UTF-8 as U+FFFD) in
// JSON.
#pragma once

#include <span>
#include <string>

#include "lathe/quantize.h"

namespace lathe::tool {

// Tensors, what becomes of each, and the total. With `each` a line per tensor; without, tensors of
// several layers that are treated alike share one ("model.layers.0-21.mlp.up_proj.weight"), whose
// bytes are those of all.
std::string quantize_table(const QuantizeReport& report, bool each, std::size_t width);

// "FILE: 1.0 MB from 4.0 MB, ..."
std::string quantize_summary(const QuantizeReport& report, const std::string& output);

// Schema lathe.quantize/1; targets and reports belong together one by one.
std::string quantize_json(std::span<const QuantizeTarget> targets,
                          std::span<const QuantizeReport> reports);

}  // namespace lathe::tool
