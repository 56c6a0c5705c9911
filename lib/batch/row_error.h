// What an exception says of one row, for its record.
#pragma once

#include <fmt/format.h>

#include "lathe/engine.h"

namespace lathe {

// Options out of their range are a mistake of the caller elsewhere; in a row they are bad input.
inline Failure row_error(const Error& error) {
  const ErrorCode code = error.code() == ErrorCode::kUsage ? ErrorCode::kInvalid : error.code();
  return {code, error.message()};
}

// The time of a row was up, wherever it was; the code that its record has then.
inline constexpr const char* kTimeout = "timeout";
inline Failure timed_out(double seconds) {
  return {ErrorCode::kLimit, fmt::format("timed out after {} seconds", seconds)};
}

}  // namespace lathe
