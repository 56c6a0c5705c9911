// JSON Schema (2020-12) as a grammar of the texts that it allows.
//
// Members stand in the schema's order, those that it does not name behind them. Numbers that have
// bounds are written without an exponent. What is enforced, and what is refused by name:
// generate(1).
#pragma once

#include <string>
#include <string_view>

#include "constraint/rules.h"

namespace lathe {

// Throws kInvalid (JSON, or a keyword's value), kUnsupported (a keyword, unless `lenient`), kLimit.
Rules read_json_schema(std::string_view text, const std::string& file, bool lenient);

}  // namespace lathe
