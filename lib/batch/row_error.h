// What an exception says of one row, for its record.
#pragma once

#include "lathe/engine.h"

namespace lathe {

// Options out of their range are a mistake of the caller elsewhere; in a row they are bad input.
inline RequestError row_error(const Error& error) {
  const ErrorCode code = error.code() == ErrorCode::kUsage ? ErrorCode::kInvalid : error.code();
  return {code, error.message()};
}

}  // namespace lathe
