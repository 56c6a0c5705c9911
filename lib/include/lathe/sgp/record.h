// What is kept of each question: one line of JSON.
//
//   {"split":"svg","id":"svg-0001","subject":"color","prompt":"9f…","response":"…","extracted":"B",
//    "answer":"B","score":1,"tries":1,"finish":"stop","tokens":{"prompt":311,"generated":7}}
//
// "robust" (with the robust protocol "reference"), "judge" and "logprob" hold other readings of
// the same response; a question that could not be asked has "error": {"code", "message"} and
// score 0. RecordLog (records.h) puts "index" and "fingerprint" first. The same model, questions
// and options give the same bytes (for quantized models on every machine), so a record holds no
// times unless asked for. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/extract.h"
#include "lathe/sgp/question.h"

namespace lathe {

// Log-probabilities in nats, one per option.
struct SgpLogprobs {
  std::vector<double> letter;  // of the letter after "Answer:"
  std::vector<double> text;    // of the option's text there
  // The option whose text is likeliest, as a whole and per byte of it.
  SgpVerdict by_text, by_text_per_byte;
};

struct SgpJudged {
  std::string response;
  SgpVerdict verdict;
};

struct SgpRecord {
  std::string split, id, subject;
  std::int64_t position = 0;            // its question's; 0: not known, since it isn't written
  std::string prompt_hash;              // empty where there was no prompt
  std::optional<std::string> response;  // raw; nothing with the logprob protocol and for errors
  std::optional<std::string> extracted;
  std::string answer;
  double score = 0.0;                           // by the protocol's own rule: 1 or 0
  std::optional<SgpVerdict> reference, robust;  // other readings of the response
  std::optional<SgpLogprobs> logprobs;
  std::optional<SgpJudged> judge;
  int tries = 0;       // 0: it was not asked here
  std::string finish;  // "stop", "length", "context"; empty where it was not asked here
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::optional<double> seconds;  // from its admission to its end
  std::optional<Failure> error;
};

// What makes the line a record of a RecordLog.
struct SgpLogEntry {
  std::uint64_t index = 0;
  std::string fingerprint;
};

// One line, without the newline.
LATHE_API std::string to_json_line(const SgpRecord& record, const SgpLogEntry* entry = nullptr);

// The reverse; keys that it does not know are passed over. Throws kInvalid, naming `origin` and
// the line.
LATHE_API SgpRecord parse_sgp_record(std::string_view line, std::string_view origin,
                                     std::int64_t line_number);

// A file of records, a torn last line left out. Throws kIo and as above.
LATHE_API std::vector<SgpRecord> read_sgp_records(const std::string& path);

}  // namespace lathe
