// An Error as a value: what went wrong with one item of many (a request, a row, a question), beside
// what became of the others.
#pragma once

#include <string>

#include "lathe/error.h"

namespace lathe {

struct Failure {
  ErrorCode code = ErrorCode::kFailed;
  std::string message;
};

}  // namespace lathe
