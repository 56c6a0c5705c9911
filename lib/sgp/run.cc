#include "lathe/sgp/run.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <unordered_map>
#include <utility>

#include "lathe/host/records.h"
#include "lathe/sgp/prompts.h"

#include "base/fail.h"
#include "sgp/continuations.h"

namespace lathe {
namespace {

constexpr std::int64_t kJudgeTokens = 64;

// What of a record is known before the question is asked.
SgpRecord begin_record(const SgpQuestion& question) {
  SgpRecord record;
  record.split = question.split;
  record.id = question.id;
  record.subject = question.subject;
  record.position = question.position;
  record.answer = question.answer;
  return record;
}

void take_response(const SgpQuestion& question, SgpProtocol protocol, std::string response,
                   SgpRecord& record) {
  const SgpVerdict reference = score_reference(question, response);
  const SgpVerdict robust = score_robust(question, response);
  const SgpVerdict& own = protocol == SgpProtocol::kRobust ? robust : reference;
  record.extracted = own.extracted;
  record.score = own.score;
  if (protocol == SgpProtocol::kRobust) {
    record.reference = reference;
  } else {
    record.robust = robust;
  }
  record.response = std::move(response);
}

GenerateOptions greedy(const SgpSpeaker& speaker, std::int64_t tokens) {
  GenerateOptions options;
  options.max_tokens = tokens;
  if (speaker.chat) end_at_turn(*speaker.chat, *speaker.tokenizer, options);
  return options;
}

}  // namespace

std::vector<TokenId> SgpSpeaker::encode(std::span<const ChatMessage> messages) const {
  if (chat) return chat->encode(*tokenizer, ChatRequest{{messages.begin(), messages.end()}});
  std::string text;
  for (const ChatMessage& message : messages) text += message.content + "\n\n";
  std::vector<TokenId> ids = tokenizer->encode(text);
  return ids;
}

struct SgpRun::State {
  RequestRunner& engine;
  SgpSpeaker speaker;
  SgpRunOptions options;
  RequestRunner* judge = nullptr;
  SgpSpeaker judge_speaker;
  std::string judge_system;

  struct Open {
    std::size_t place = 0;
    SgpQuestion question;
    SgpRecord record;
    SgpContinuations continuations;
  };
  std::unordered_map<RequestId, Open> asked, judged;
  const SgpQuestions* questions = nullptr;
  const SgpSink* sink = nullptr;

  void emit(Open& open) { (*sink)(open.place, std::move(open.record)); }

  void ask_one(std::size_t place) {
    SgpQuestion question = (*questions)[place];
    if (question.error) {
      (*sink)(place, sgp_error_record(question, options, *question.error));
      return;
    }
    const std::vector<ChatMessage> messages = sgp_messages(question, options.system);
    Open open;
    open.place = place;
    open.record = begin_record(question);
    open.question = std::move(question);
    open.record.prompt_hash = sgp_prompt_hash(messages);
    Request request;
    request.prompt = speaker.encode(messages);
    open.record.prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
    try {
      if (options.protocol == SgpProtocol::kLogprob) {
        open.continuations = sgp_continuations(open.question, *speaker.tokenizer);
        request.samples = 0;
        request.continuations = open.continuations.all;
      } else {
        request.options = greedy(speaker, options.max_tokens);
      }
      const RequestId id = engine.submit(std::move(request));
      asked.emplace(id, std::move(open));
    } catch (const Error& error) {
      open.record.error = Failure{error.code(), error.message()};
      emit(open);
    }
  }

  // With the judge's answer still to come: true.
  bool ask_judge(Open& open) {
    const SgpQuestion& question = open.question;
    if (judge == nullptr || !question.is_choice() || !open.record.response) return false;
    std::vector<ChatMessage> messages;
    if (!judge_system.empty()) messages.push_back({"system", judge_system});
    messages.push_back({"user", sgp_judge_message(question, *open.record.response)});
    Request request;
    request.prompt = judge_speaker.encode(messages);
    request.options = greedy(judge_speaker, kJudgeTokens);
    try {
      const RequestId id = judge->submit(std::move(request));
      judged.emplace(id, std::move(open));
      return true;
    } catch (const Error&) {
      open.record.judge = SgpJudged{};  // too long for the judge: no answer from it
      return false;
    }
  }

  void finish_question(Completion done) {
    const auto at = asked.find(done.id);
    if (at == asked.end()) return;
    Open open = std::move(at->second);
    asked.erase(at);
    SgpRecord& record = open.record;
    const SgpQuestion& question = open.question;
    if (options.timings) record.seconds = done.timings.total - done.timings.queued;
    if (done.error) {
      record.error = Failure{done.error->code, done.error->message};
    } else if (options.protocol == SgpProtocol::kLogprob) {
      if (!take_scores(question, open.continuations, done.continuations, record)) {
        record.error = Failure{ErrorCode::kInvalid, "log-probabilities that are no finite numbers"};
      }
    } else {
      Generation& answer = done.samples.at(0);
      record.finish = to_string(answer.reason);
      record.generated_tokens = static_cast<std::int64_t>(answer.ids.size());
      take_response(question, options.protocol, std::move(answer.text), record);
      // Asking again is what the reference does while nothing matches; a greedy answer would be
      // the same each time.
      const bool silent = options.protocol == SgpProtocol::kReference && !record.extracted;
      record.tries = silent ? kSgpTries : 1;
      if (ask_judge(open)) return;
    }
    emit(open);
  }

  void drop_all() {
    for (const auto& [id, open] : asked) engine.cancel(id);
    for (const auto& [id, open] : judged) judge->cancel(id);
    asked.clear();
    judged.clear();
  }

  void finish_judge(Completion done) {
    const auto at = judged.find(done.id);
    if (at == judged.end()) return;
    Open open = std::move(at->second);
    judged.erase(at);
    const SgpQuestion& question = open.question;
    SgpJudged verdict;
    if (!done.error) {
      verdict.response = std::move(done.samples.at(0).text);
      verdict.verdict.extracted = extract_judged(verdict.response, question.letters());
      verdict.verdict.score = verdict.verdict.extracted == question.answer ? 1.0 : 0.0;
    }
    open.record.judge = std::move(verdict);
    emit(open);
  }
};

SgpRun::SgpRun(RequestRunner& engine, SgpSpeaker speaker, SgpRunOptions options)
    : state_(std::make_unique<State>(State{engine,
                                           std::move(speaker),
                                           std::move(options),
                                           nullptr,
                                           {},
                                           {},
                                           {},
                                           {},
                                           nullptr,
                                           nullptr})) {}

SgpRun::~SgpRun() = default;

void SgpRun::use_judge(RequestRunner& engine, SgpSpeaker speaker, std::string system) {
  state_->judge = &engine;
  state_->judge_speaker = std::move(speaker);
  state_->judge_system = std::move(system);
}

bool SgpRun::ask(const SgpQuestions& questions, std::span<const std::size_t> places,
                 const SgpSink& sink, const std::function<bool()>& stop) {
  State& s = *state_;
  s.questions = &questions;
  s.sink = &sink;
  // Enough that the engine always has somebody waiting; more would only be memory.
  constexpr std::size_t kWindow = 128;
  std::size_t next = 0;
  while (next < places.size() || !s.asked.empty() || !s.judged.empty()) {
    if (stop && stop()) {
      s.drop_all();
      return false;
    }
    while (next < places.size() && s.asked.size() < kWindow) s.ask_one(places[next++]);
    for (Completion& done : s.engine.step()) s.finish_question(std::move(done));
    if (s.judge == nullptr) continue;
    for (Completion& done : s.judge->step()) s.finish_judge(std::move(done));
  }
  return true;
}

std::vector<std::size_t> sgp_order(const SgpQuestions& questions) {
  // Each program's place in the order of their first appearances, by the program's hash: should
  // two programs ever share one, their questions are asked one after the other.
  std::unordered_map<std::uint64_t, std::size_t> groups;
  std::vector<std::pair<std::size_t, std::size_t>> keys;
  keys.reserve(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion question = questions[i];
    const std::string_view program = split_sgp_question(question.question).program;
    std::size_t group = i;
    if (!program.empty()) group = groups.emplace(hash_parts({program}), i).first->second;
    keys.emplace_back(group, i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::size_t> order;
  for (const auto& [group, i] : keys) order.push_back(i);
  return order;
}

SgpRecord score_sgp_response(const SgpQuestion& question, const SgpRunOptions& options,
                             std::string response) {
  SgpRecord record = begin_record(question);
  record.prompt_hash = sgp_prompt_hash(sgp_messages(question, options.system));
  take_response(question, options.protocol, std::move(response), record);
  return record;
}

SgpRecord score_sgp_logprobs(const SgpQuestion& question, const SgpRunOptions& options,
                             SgpLogprobs logprobs) {
  const std::size_t n = question.options.size();
  if (n == 0 || logprobs.letter.size() != n || logprobs.text.size() != n) {
    return sgp_error_record(
        question, options,
        {ErrorCode::kInvalid,
         fmt::format(
             "log-probabilities of {} letters and {} texts, but the question has {} options",
             logprobs.letter.size(), logprobs.text.size(), n)});
  }
  SgpRecord record = begin_record(question);
  record.prompt_hash = sgp_prompt_hash(sgp_messages(question, options.system));
  take_logprobs(question, std::move(logprobs), record);
  return record;
}

void read_sgp_record_as(SgpRecord& record, SgpProtocol protocol) {
  std::optional<SgpVerdict>& wanted =
      protocol == SgpProtocol::kRobust ? record.robust : record.reference;
  std::optional<SgpVerdict>& other =
      protocol == SgpProtocol::kRobust ? record.reference : record.robust;
  if (protocol == SgpProtocol::kLogprob || !wanted) return;
  other = SgpVerdict{record.extracted, record.score};
  record.extracted = wanted->extracted;
  record.score = wanted->score;
  wanted.reset();
}

SgpRecord sgp_error_record(const SgpQuestion& question, const SgpRunOptions& options,
                           const Failure& error) {
  SgpRecord record = begin_record(question);
  if (!question.error) record.prompt_hash = sgp_prompt_hash(sgp_messages(question, options.system));
  record.error = question.error ? *question.error : error;
  return record;
}

}  // namespace lathe
