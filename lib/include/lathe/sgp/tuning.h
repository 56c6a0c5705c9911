// Instruction-tuning records from a benchmark's questions: what to say, and what to answer.
//
//   kAlpaca       a JSON array of {"instruction", "input", "output"}
//   kAlpacaLines  the same objects, one per line
//   kChat         one per line: {"messages": [{"role": "system", ...}, user, assistant]}
//
// The instruction is the benchmark's own prompt, so that what is learned is what will be asked;
// the output is the right option's text, and then the line "Answer: B". With `open`, no
// options: the instruction is the question alone, the input the program, the output the answer's
// text. Questions with `error` are left out. Thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lathe/export.h"
#include "lathe/sgp/question.h"

namespace lathe {

enum class SgpTuningForm { kAlpaca, kAlpacaLines, kChat };

struct SgpTuningOptions {
  SgpTuningForm form = SgpTuningForm::kAlpaca;
  bool open = false;
  std::string system;  // of the chat form; empty: no system message
};

LATHE_API std::string sgp_tuning_records(const SgpQuestions& questions,
                                         const SgpTuningOptions& options);

}  // namespace lathe
