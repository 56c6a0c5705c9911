// Expecting that a call is refused with a code and a message.
#pragma once

#include <gtest/gtest.h>
#include <ostream>
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

// What a call threw, which stands for its code too.
class Thrown : public Error {
 public:
  using Error::Error;
  operator ErrorCode() const noexcept { return code(); }
  friend std::ostream& operator<<(std::ostream& out, const Thrown& thrown) {
    return out << to_string(thrown.code()) << ": " << thrown.message();
  }
};

// The error that `call` throws; kFailed when it throws none.
template <typename Call>
Thrown error_of(Call&& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.message();
    return {error.code(), error.message()};
  }
  return {ErrorCode::kFailed, "nothing was thrown"};
}

}  // namespace lathe::test
