// Asking a model: questions to an engine, records out.
//
//   SgpSpeaker speaker = ...;  // how this model is spoken to
//   SgpRun run(engine, speaker, options);
//   run.ask(questions, places, [&](std::size_t place, SgpRecord record) { ... });
//
// A run belongs to one thread at a time, as its engines do (or who else answers).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/chat.h"
#include "lathe/checkpoint_parts.h"
#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/record.h"

namespace lathe {

// kReference: the reference's prompt, greedy, its pattern. kRobust: the same, and the answer is
// read as a person would. kLogprob: nothing is generated; the letter that is likeliest after
// "Answer:" counts, and beside it the option whose text is likeliest there.
enum class SgpProtocol { kReference, kRobust, kLogprob };

struct SgpRunOptions {
  SgpProtocol protocol = SgpProtocol::kReference;
  std::string system;              // system message; empty: none
  std::int64_t max_tokens = 2048;  // of an answer
  bool timings = false;            // records get "seconds": no two runs have the same bytes then
};

// A model's voice: its tokenizer and its chat template. Without a template (a model that
// only continues texts) the messages follow each other as plain text.
struct SgpSpeaker {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat;

  LATHE_API std::vector<TokenId> encode(std::span<const ChatMessage> messages) const;
};

// Receives a record, in the order in which the answers are complete; `place` is one of `places`.
using SgpSink = std::function<void(std::size_t place, SgpRecord record)>;

class LATHE_API SgpRun {
 public:
  // The engines must outlive the run.
  SgpRun(RequestRunner& engine, SgpSpeaker speaker, SgpRunOptions options);
  ~SgpRun();
  SgpRun(const SgpRun&) = delete;
  SgpRun& operator=(const SgpRun&) = delete;

  // A second model reads each response once more and says which letter it means.
  void use_judge(RequestRunner& engine, SgpSpeaker speaker, std::string system);

  // Asks questions[place] for each of `places`, in that order. A question that cannot be asked
  // (its own error, a prompt longer than the context) gives a record with an error. `stop` is
  // looked at between steps: when it says true, what is under way is dropped, and the result is
  // false.
  bool ask(const SgpQuestions& questions, std::span<const std::size_t> places, const SgpSink& sink,
           const std::function<bool()>& stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The order to ask in: the data's own, but questions about the same program follow each other,
// so that the engine computes the program once.
LATHE_API std::vector<std::size_t> sgp_order(const SgpQuestions& questions);

// A record for a response that came from elsewhere.
LATHE_API SgpRecord score_sgp_response(const SgpQuestion& question, const SgpRunOptions& options,
                                       std::string response);
// The same for log-probabilities that a run recorded: of the letters and of the options' texts, one
// for each option; otherwise the record says what is wrong.
LATHE_API SgpRecord score_sgp_logprobs(const SgpQuestion& question, const SgpRunOptions& options,
                                       SgpLogprobs logprobs);
// Gives a record the score that another protocol reads from the same response (kReference,
// kRobust). One that has no such reading, log-probabilities say, stays as it is.
LATHE_API void read_sgp_record_as(SgpRecord& record, SgpProtocol protocol);
// The record of a question that was not asked: its own error, or `error`.
LATHE_API SgpRecord sgp_error_record(const SgpQuestion& question, const SgpRunOptions& options,
                                     const Failure& error);

}  // namespace lathe
