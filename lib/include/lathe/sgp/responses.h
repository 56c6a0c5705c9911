// Prompts out, responses in: a run in two pieces, with anything in between that answers.
//
//   sgp-eval --emit-prompts | generate --jsonl | sgp-eval --responses -
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/dataset.h"
#include "lathe/sgp/record.h"
#include "lathe/sgp/run.h"

namespace lathe {

// The id of each question in a file of prompts: its own where no other split has it too,
// else "SPLIT/ID".
LATHE_API std::vector<std::string> sgp_prompt_ids(std::span<const SgpQuestion> questions);

// {"id", "messages", "max_tokens", "temperature"}: one line, without newline. The question must
// have no error.
LATHE_API std::string sgp_prompt_line(const std::string& id, const SgpQuestion& question,
                                      const SgpRunOptions& options);

struct SgpResponse {
  std::string id, split;            // split: "" where the line has none
  std::optional<std::string> text;  // nothing: `error`
  std::optional<SgpError> error;
  std::int64_t line = 0;
};

// JSON lines with "id" and "response" (or "text", as generate writes it; or a line of an OpenAI
// batch output file: "custom_id", "response.body.choices"), or "id" and "error"; records of
// sgp-eval itself are such lines. What is none of these gives a response without id, with the
// reason as its error. Throws kIo, kInvalid, kLimit for the file as a whole. "-": standard input.
LATHE_API std::vector<SgpResponse> read_sgp_responses(const std::string& path);

struct SgpScored {
  std::vector<SgpRecord> records;     // one per question, in their order
  std::vector<std::string> warnings;  // lines without a question, second answers, no JSON
};

// A question without a response gets a record with an error.
LATHE_API SgpScored score_sgp_responses(std::span<const SgpQuestion> questions,
                                        std::span<const SgpResponse> responses,
                                        const SgpRunOptions& options);

}  // namespace lathe
