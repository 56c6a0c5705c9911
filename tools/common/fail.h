// Throwing helpers for the tools: the code is the exit status.
//
// Write lathe::quoted(name) with its namespace: <iomanip>, which CLI11 includes, has a
// std::quoted that an unqualified call with a std::string would find.
#pragma once

#include <fmt/format.h>
#include <utility>

#include "lathe/error.h"
#include "lathe/host/escape.h"

namespace lathe::tool {

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// Options that contradict each other, an argument too many...: exit status 2.
template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorCode::kUsage, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lathe::tool
