// What goes wrong with one request, told to that request.
#pragma once

#include <new>
#include <optional>

#include "lathe/error.h"
#include "lathe/failure.h"

namespace lathe {

// Runs `call`; what it throws becomes the error of one request.
template <typename Call>
std::optional<Failure> attempt(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return Failure{error.code(), error.message()};
  } catch (const std::bad_alloc&) {
    return Failure{ErrorCode::kLimit, "out of memory"};
  }
  return std::nullopt;
}

}  // namespace lathe
