// Expecting that a call is refused with a code and a message.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "lathe/error.h"

namespace lathe::test {

// Calls, and adds a failure unless it throws lathe::Error with `code` and a message that
// contains `part`. Messages must be one line of printable text whatever the input was.
template <typename Call>
void expect_refused(ErrorCode code, std::string_view part, Call&& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(e.message().find(part), std::string::npos) << e.what();
    for (const char c : e.message()) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << "raw control byte";
    }
    return;
  } catch (const std::exception& e) {
    ADD_FAILURE() << "threw something else: " << e.what();
    return;
  }
  ADD_FAILURE() << "was accepted; expected: " << part;
}

// The code of the error that `call` throws, and its message; kFailed when it throws none.
template <typename Call>
ErrorCode error_of(Call&& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.message();
    return error.code();
  }
  return ErrorCode::kFailed;
}

}  // namespace lathe::test
