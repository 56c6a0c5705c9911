// Options that say who judges the answer while it is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/answer_check.h"
#include "lathe/generate.h"

#include "common/tool.h"

namespace lathe::tool {

struct CheckFlags {
  std::string command, at = "end";
  std::int64_t tries = 8;
  double timeout = 10.0;
  bool shell = false, server = false;
  CLI::Option* command_option = nullptr;
  std::vector<const CLI::Option*> others;  // that say how
};

void add_check_options(Tool& tool, CheckFlags& flags);

// Null where nobody is asked to. Throws kUsage and, where the command cannot be run, kIo.
std::shared_ptr<const AnswerCheck> read_check(const CheckFlags& flags);

// Says that an answer was not accepted; true when it was, or nobody judged it.
bool tell_of_check(const Tool& tool, const Generation& answer);

}  // namespace lathe::tool
