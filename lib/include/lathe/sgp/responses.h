// Prompts out, responses in: a run in two pieces, with anything in between that answers.
//
//   sgp-eval --emit-prompts | generate --jsonl | sgp-eval --responses -
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/record.h"
#include "lathe/sgp/run.h"

namespace lathe {

// The id of each question in a file of prompts: its own where no other question has it, else
// "SPLIT/ID" or "SPLIT/SUBJECT/ID" (the benchmark numbers within a subject), else "...#2".
LATHE_API std::vector<std::string> sgp_prompt_ids(const SgpQuestions& questions);

// {"id", "messages", "max_tokens", "temperature"}: one line, without newline. The question must
// have no error.
LATHE_API std::string sgp_prompt_line(const std::string& id, const SgpQuestion& question,
                                      const SgpRunOptions& options);

// Such a line for each question, in the order of asking, newlines included; rows that cannot be
// used go to `on_bad_row`. Returns how many those were.
LATHE_API std::int64_t write_sgp_prompts(const SgpQuestions& questions,
                                         const SgpRunOptions& options,
                                         const std::function<void(std::string_view)>& sink,
                                         const std::function<void(const Failure&)>& on_bad_row);

struct SgpResponse {
  std::string id, split, subject;       // split, subject: "" where the line has none
  std::string prompt;                   // a record's: the hash of what was asked; "" elsewhere
  std::optional<std::string> text;      // nothing: `logprobs` or `error`
  std::optional<SgpLogprobs> logprobs;  // of a record of the logprob protocol
  std::optional<Failure> error;
  std::int64_t line = 0;
};

// JSON lines with "id" and "response" (or "text", as generate writes it; or a line of an OpenAI
// batch output file: "custom_id", "response.body.choices"), or "id" and "error"; records of
// sgp-eval itself are such lines, those with log-probabilities in place of a response too. What is
// none of these gives a response without id, with the reason as its error. Throws kIo, kInvalid,
// kLimit for the file as a whole. "-": standard input.
LATHE_API std::vector<SgpResponse> read_sgp_responses(const std::string& path);

struct SgpScored {
  std::vector<SgpRecord> records;     // one per question, in their order
  std::vector<std::string> warnings;  // lines without a question, second answers, no JSON
};

// A question without a response gets a record with an error.
LATHE_API SgpScored score_sgp_responses(const SgpQuestions& questions,
                                        std::span<const SgpResponse> responses,
                                        const SgpRunOptions& options);

}  // namespace lathe
