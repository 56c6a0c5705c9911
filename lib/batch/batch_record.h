// A row's record: {"index":…, "id":…, "text":…, …, "fingerprint":…}, or OpenAI's form.
//
// The members are documented in generate(1). Thread-safe.
#pragma once

#include <string>

#include "lathe/batch_row.h"
#include "lathe/engine.h"
#include "lathe/host/records.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct RecordContext {
  std::uint64_t index = 0;
  RecordFingerprint fingerprint;
  bool timings = false;
  std::string model;     // where an OpenAI row names none
  bool vectors = false;  // completions are an Embedder's
};

std::string answer_record(const BatchRow& row, const Completion& completion,
                          const Tokenizer& tokenizer, const RecordContext& context);
std::string error_record(const BatchRow& row, const std::string& code, const std::string& message,
                         const RecordContext& context);

}  // namespace lathe
