#include "bench/load_runner.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "common/seconds.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

Request request_of(const LoadRequest& wanted, std::vector<std::int64_t> ids) {
  Request out;
  out.prompt.assign(ids.begin(), ids.end());
  out.options.max_tokens = wanted.answer_tokens;
  out.options.ignore_eos = true;
  out.options.sampling.temperature = 0.0F;
  return out;
}

void note_answer(const Completion& done, double now, LoadOutcome& out) {
  out.prompt_tokens = done.prompt_tokens;
  if (done.error) {
    out.error = done.error->message;
    return;
  }
  const Generation& sample = done.samples.front();
  out.tokens = static_cast<std::int64_t>(sample.ids.size());
  if (out.pieces.empty()) {  // tokens without any text
    out.pieces = {std::max(out.sent, now - done.timings.decode), now};
    out.whole = true;
  }
}

}  // namespace

std::vector<LoadOutcome> send_load(RequestRunner& runner, const LoadPrompts& prompts,
                                   std::span<const LoadRequest> plan,
                                   const std::function<void(std::size_t)>& on_end,
                                   const std::function<bool()>& go_on) {
  std::vector<LoadOutcome> outcomes(plan.size());
  std::map<RequestId, std::size_t> under_way;
  const Clock::time_point start = Clock::now();
  const auto now = [&] { return seconds_since(start); };
  std::size_t sent = 0;
  while ((sent < plan.size() && go_on()) || !under_way.empty()) {
    for (; sent < plan.size() && plan[sent].due <= now() && go_on(); ++sent) {
      auto request = request_of(plan[sent], prompts.draw(plan[sent].prompt_tokens, sent));
      LoadOutcome& outcome = outcomes[sent];
      outcome.sent = now();
      request.on_text = [&outcome, &now](int, std::string_view) {
        outcome.pieces.push_back(now());
        return true;
      };
      under_way[runner.submit(std::move(request))] = sent;
    }
    for (const Completion& done : runner.step()) {
      const auto at = under_way.find(done.id);
      note_answer(done, now(), outcomes[at->second]);
      under_way.erase(at);
      on_end(sent - under_way.size());
    }
    if (under_way.empty() && sent < plan.size()) {
      const double wait = std::clamp(plan[sent].due - now(), 0.0, 0.1);
      std::this_thread::sleep_for(std::chrono::duration<double>(wait));
    }
  }
  outcomes.resize(sent);
  return outcomes;
}

}  // namespace lathe::tool
