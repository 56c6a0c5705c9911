// A generation as one line of JSON: what `generate --json` prints. generate(1) documents it.
#pragma once

#include <cstdint>
#include <string>

#include "lathe/generate.h"
#include "lathe/speculation.h"

namespace lathe::tool {

struct GenerationRecord {
  const Generation& result;
  const Tokenizer& tokenizer;
  std::string model;                       // as the user named it
  const std::string* prompt = nullptr;     // left out when null
  std::uint64_t token_bytes = 0;           // of weights that are read for one token
  bool reasoning_apart = false;            // under "reasoning"
  double load_seconds = 0.0;               // from the start of the process to a model that is ready
  const Speculator* speculator = nullptr;  // null: nothing is said of drafts
};

// Without the final newline. Text that is no UTF-8 (a prompt may be anything) has U+FFFD there.
std::string to_json(const GenerationRecord& record);

}  // namespace lathe::tool
