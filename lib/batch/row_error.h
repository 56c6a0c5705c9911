// What an exception says of one row, for its record.
#pragma once

#include <fmt/format.h>

#include "lathe/engine.h"

namespace lathe {

// Options out of their range are a mistake of the caller elsewhere; in a row they are bad input.
inline Failure row_error(Failure failure) {
  if (failure.code == ErrorCode::kUsage) failure.code = ErrorCode::kInvalid;
  return failure;
}
inline Failure row_error(const Error& error) {
  return row_error(Failure{error.code(), error.message()});
}

// The time of a row was up, wherever it was; the code that its record has then.
inline constexpr const char* kTimeout = "timeout";
inline Failure timed_out(double seconds) {
  return {ErrorCode::kLimit, fmt::format("timed out after {} seconds", seconds)};
}

}  // namespace lathe
