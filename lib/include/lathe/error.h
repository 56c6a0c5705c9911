// The one exception type that liblathe throws.
//
// Thrown where something is opened, parsed or validated, and by a step that cannot be taken (the
// context is full, logits are no numbers); kernels are noexcept. The library never prints and never
// exits: a tool's main catches Error once and turns its code into the exit status.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "lathe/export.h"

namespace lathe {

// The values are the exit statuses of the tools (lathe(7), EXIT STATUS).
enum class ErrorCode : int {
  kFailed = 1,       // finished, but a record failed or a gate was missed
  kUsage = 2,        // wrong usage: options or arguments
  kInvalid = 3,      // the input is malformed or unsafe
  kIo = 4,           // reading or writing failed, or the output exists
  kLimit = 5,        // out of memory or over a limit
  kUnsupported = 6,  // well-formed, but this program does not do it
  kBug = 70,         // an invariant of this program is broken
};

// "failed", "usage", "invalid_input", "io", "limit", "unsupported" or "bug": how machine-readable
// errors and records name the code.
LATHE_API const char* to_string(ErrorCode code) noexcept;

// A code and one sentence: which file (quoted), what is wrong, where, what to do.
// Text taken from a file is already escaped (host/escape.h) when it gets here.
class LATHE_API Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace lathe
