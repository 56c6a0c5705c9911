// Somebody else who judges what a model writes while it writes: a compiler, a parser, a test.
//
// Where the answer comes to a boundary (a line's end, the answer's end, ...) it is judged as far as
// it goes. Accepted, it goes on from there. Otherwise it goes back to the last accepted boundary
// and is written again without the token that failed: the one that holds the byte which the judge
// names; or else, of those behind the boundary, the one that the model was least sure of, among
// fewer of them each time, so that the last attempts part from the first at its beginning. At
// temperature 0 it goes back to that token, which comes to the same. After `tries` more attempts at
// one passage the best of them stands (the one that went wrong last, among equals the first),
// nothing is judged any more, and the report says so.
//
// What is taken back leaves nothing: not in the sequence, not in the record, and nobody was shown
// it. The same judgements give the same answer, alone and in a batch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"

namespace lathe {

class Vocabulary;  // lathe/constraint.h

// What is to be judged.
struct CheckedText {
  std::string text;
  bool complete = false;  // the answer ends here
};

struct CheckVerdict {
  // kOpen: nothing can be said of what is not complete. The answer goes on, but never comes back
  // here; at its end this is kWrong. kBroken: the judge itself does not work. The answer stands as
  // it is and goes on without it.
  enum class Kind : std::uint8_t { kAccepted, kOpen, kWrong, kBroken };

  Kind kind = Kind::kWrong;
  std::optional<std::size_t> at = {};     // of kWrong: the first byte that cannot stand there
  std::vector<std::string> allowed = {};  // with `at`: the text from there begins with one of them
  std::string message = {};               // why, in a few words
};

// Thread-safe: an engine has several answers judged at once, by threads of its own.
class LATHE_API AnswerJudge {
 public:
  virtual ~AnswerJudge();
  // Returns soon, with whatever it likes, once `given_up` is true. An Error that it throws is
  // kBroken.
  virtual CheckVerdict judge(const CheckedText& text, const std::atomic<bool>& given_up) = 0;
};

// Where an answer is judged; at its end it always is.
struct CheckPlaces {
  // kLine: behind each line feed. kSentence: behind a full stop, a question or exclamation mark and
  // what closes a quotation, where white space follows, and at a blank line. kStatement: behind a
  // line feed, a semicolon and a closing brace where no bracket and no quotation is open. kRegex:
  // behind each match.
  enum class Kind : std::uint8_t { kLine, kSentence, kStatement, kEnd, kRegex };

  Kind kind = Kind::kEnd;
  std::string regex = {};
};

// "line", "sentence", "statement", "end", or a regular expression. Throws kUsage for another word
// that is nothing but letters, kInvalid and kUnsupported for the expression.
LATHE_API CheckPlaces check_places(const std::string& text);

struct AnswerCheck {
  std::shared_ptr<AnswerJudge> judge;
  CheckPlaces places;
  std::int64_t tries = 8;   // attempts at a passage after the first
  std::string before = {};  // stands in front of what is judged: the prompt
  std::string source = {};  // what judges, and how: equal ones give equal answers
  // Of the answer's tokens, where a judge may say what is allowed; made when it is wanted and null.
  std::shared_ptr<const Vocabulary> vocabulary = {};
};

// What became of an answer.
struct CheckReport {
  std::int64_t judged = 0, rejected = 0;   // times
  std::int64_t dropped_tokens = 0;         // that were written and taken back
  double seconds = 0.0;                    // in the judge
  std::optional<std::string> failed = {};  // why the answer is not what the judge accepts
};

// As members of a JSON object (nlohmann's): "check" with the counts, "check_failed" with why. A
// report may be null: nobody judged.
template <typename Json>
void put_check_report(Json& record, const CheckReport* report) {
  if (report == nullptr) return;
  record["check"] = {{"judged", report->judged},
                     {"rejected", report->rejected},
                     {"dropped_tokens", report->dropped_tokens}};
  if (report->failed) record["check_failed"] = *report->failed;
}

// The protocol of a judge that is a process and stays: a JSON object a line, each answered by one
// (generate(1), "check server"). The question, with its line feed; `text` that is no UTF-8 has
// U+FFFD there.
LATHE_API std::string check_question(std::uint64_t id, const CheckedText& text);
// The answer to question `id`. Throws kInvalid, saying what is wrong with it.
LATHE_API CheckVerdict read_check_answer(std::string_view line, std::uint64_t id);

}  // namespace lathe
