// Another program, run to its end: what it prints, how it ends, what it took.
//
// It runs in a process group of its own, without a terminal to read from. All processes of the
// group are ended with it: when it ends, when its time is up, and when a signal ends this process.
// Errors: kIo (cannot be started), kLimit (time is up, prints without end). run_child() is not
// thread-safe, run_beside() is.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/bench/machine.h"

namespace lathe::tool {

struct ChildOptions {
  double timeout = 0.0;      // seconds; 0: none
  bool pass_errors = false;  // its standard error to ours, too
};

struct ChildResult {
  int wait_status = 0;              // as waitpid() gives it
  std::string output;               // standard output
  std::string errors;               // the end of standard error
  double first_byte_seconds = 0.0;  // from its start to the first byte of output; 0: none came
  ProcessUse use;

  bool succeeded() const noexcept { return wait_status == 0; }
  // "exit status 127: sh: 1: llama-bench: not found": how it ended, and its last line of errors.
  std::string ending() const;
};

// `arguments` begins with the program's path. run_child() ends this process, once the child is
// gone, by the signal that asked for it.
ChildResult run_child(const std::vector<std::string>& arguments, const ChildOptions& options);

// A program that reads `input`, as far as it cares to, beside other work: what it prints is
// nobody's, but for the end of its errors. Ended, with whatever status, once `given_up` is true.
ChildResult run_beside(const std::vector<std::string>& arguments, std::string_view input,
                       double timeout, const std::atomic<bool>& given_up);

}  // namespace lathe::tool
