#include "lathe/workers/pool.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "workers/known_worker.h"
#include "workers/open_rows.h"
#include "workers/placement.h"
#include "workers/request_message.h"
#include "workers/role_planner.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Pool final : public WorkerPool {
 public:
  Pool(std::unique_ptr<WorkerWire> wire, WorkerPoolOptions options)
      : wire_(std::move(wire)), options_(std::move(options)), workers_(wire_->workers()) {
    if (workers_.empty()) fail(ErrorCode::kUsage, "there is no worker");
  }

  RequestId submit(Request request) override {
    check_sendable(request);
    OpenRow row;
    row.beginning = beginning_of(request.prompt);
    row.request = std::move(request);
    const RowId id = next_id_++;
    rows_.add(id, std::move(row));
    ++stats_.submitted;
    return id;
  }

  std::vector<Completion> step() override {
    beat();  // also while nobody asks for anything: they would forget us
    if (!idle()) {
      give_roles();
      hand_out();
    }
    const auto left = std::chrono::ceil<milliseconds>(next_beat_ - Clock::now());
    milliseconds patience = std::clamp(left, milliseconds(0), options_.patience);
    if (rows_.empty() || !done_.empty()) patience = milliseconds(0);
    while (auto received = wire_->receive(patience)) {
      take(received->worker, received->message);
      patience = milliseconds(0);
    }
    hand_out();
    return std::exchange(done_, {});
  }

  bool cancel(RequestId id) override {
    OpenRow* row = rows_.find(id);
    if (row == nullptr) return false;
    ++stats_.cancelled;
    Completion done;
    done.id = id;
    done.samples.resize(static_cast<std::size_t>(row->request.samples));
    for (Generation& sample : done.samples) sample.reason = FinishReason::kCancelled;
    close(id, std::move(done));
    return true;
  }

  bool idle() const noexcept override { return rows_.empty() && done_.empty(); }

  EngineStats stats() const noexcept override {
    EngineStats out = stats_;
    out.waiting = static_cast<std::int64_t>(rows_.waiting().size());
    out.running = static_cast<std::int64_t>(rows_.size()) - out.waiting;
    return out;
  }

  std::size_t present() const noexcept override {
    return static_cast<std::size_t>(std::count_if(
        workers_.begin(), workers_.end(),
        [](const KnownWorker& worker) { return worker.state == KnownWorker::State::kPresent; }));
  }

 private:
  void warn(const std::string& text) const {
    if (options_.on_warning) options_.on_warning(text);
  }

  // What nobody finds where memory is not to be shared.
  ProbePlace probe_place() const { return options_.share_memory ? probe_.place() : ProbePlace(); }

  void send(std::size_t number, const WorkerMessage& message) {
    wire_->send(number, encode_message(message));
  }

  void tell_left_out(std::size_t number, const std::string& why) const {
    warn(fmt::format("worker {} is left out: {}", quoted(wire_->name(number)), why));
  }

  // ---- heartbeats

  void beat() {
    const Clock::time_point now = Clock::now();
    if (now < next_beat_) return;
    next_beat_ = now + options_.heartbeat;
    plan_now_ = true;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      KnownWorker& worker = workers_[i];
      worker.full = false;
      if (worker.state == KnownWorker::State::kAbsent)
        send(i, Hello{options_.wanted, probe_place()});
      if (worker.state != KnownWorker::State::kPresent) continue;
      if (std::cmp_greater_equal(worker.unanswered(), options_.missed)) {
        leave_out(i, fmt::format("it has not answered {} times", worker.unanswered()));
      } else {
        send(i, Ping{worker.session, ++worker.pings});
      }
    }
    look_for_any();
  }

  void look_for_any() {
    if (present() > 0) {
      alone_ = 0;
      return;
    }
    const auto unfit = std::find_if(workers_.begin(), workers_.end(), [](const KnownWorker& w) {
      return w.state != KnownWorker::State::kUnfit;
    });
    if (unfit == workers_.end()) {
      fail(ErrorCode::kInvalid, "no worker can be used: {} has {}", quoted(wire_->name(0)),
           workers_.front().why);
    }
    if (++alone_ > options_.give_up) {
      fail(ErrorCode::kIo, "no worker answers; {} was asked {} times", quoted(wire_->name(0)),
           options_.give_up);
    }
  }

  void leave_out(std::size_t number, const std::string& why) {
    if (workers_[number].state == KnownWorker::State::kPresent) tell_left_out(number, why);
    pass(number);
    for (const RowId id : workers_[number].leave()) {
      OpenRow& row = *rows_.find(id);
      drop_next(id, row);
      rows_.forget_prompt(id);  // perhaps it died of that
      rows_.take_back(id);
      if (++row.deaths < options_.most_deaths) continue;
      Completion failed;
      failed.error = Failure{ErrorCode::kFailed,
                             fmt::format("{} workers were lost while they had it", row.deaths)};
      close(id, std::move(failed));
    }
  }

  // ---- requests

  void pass(std::size_t number) {
    planner_.pass(number, std::chrono::duration<double>(Clock::now().time_since_epoch()).count());
  }

  void give_roles() {
    if (!std::exchange(plan_now_, false) && !planner_.due()) return;
    for (const std::size_t number : planner_.plan(rows_)) {
      if (!options_.on_role) continue;
      const bool prompts = workers_[number].role == WorkerRole::kPrefill;
      options_.on_role(fmt::format("worker {} {}", quoted(wire_->name(number)),
                                   prompts ? "computes prompts" : "writes answers"));
    }
  }

  void hand_out() {
    placement_.look(rows_.ahead());
    for (auto at = rows_.waiting().begin(); at != rows_.waiting().end();) {
      const RowId id = *at++;  // it goes from there
      OpenRow& row = *rows_.find(id);
      const auto place =
          row.prompt_done && is_next_there(row) ? Place{row.next->number} : placement_.find(row);
      if (!place) continue;
      give(id, *place);
      placement_.look(rows_.ahead());
    }
  }

  void give(RowId id, const Place& place) {
    OpenRow& row = *rows_.find(id);
    KnownWorker& worker = workers_[place.worker];
    Row message;
    message.session = worker.session;
    message.id = id;
    message.prompt = place.prompt;
    if (place.prompt) {
      message.memory = worker.shares_memory;
      message.request = send_request(prompt_alone(row.request, options_.part_tokens));
    } else {
      message.streams = static_cast<bool>(row.request.on_text);
      message.parts = row.prompt_done;
      message.request = send_request(row.request);
      if (row.prompt_done) {
        if (!is_next_there(row) || row.next->number != place.worker) {
          drop_next(id, row);
          choose_next(row, place.worker);
        }
        send_parts(id, row);
        --worker.promised;
        row.next.reset();
      }
    }
    send(place.worker, message);
    pass(place.worker);
    rows_.give(id, place.worker, worker.pings, place.prompt);
    worker.rows.insert(id);
  }

  // ---- parts of prompts

  bool is_next_there(const OpenRow& row) const {
    if (!row.next) return false;
    const KnownWorker& worker = workers_[row.next->number];
    return worker.state == KnownWorker::State::kPresent && worker.session == row.next->session;
  }

  void choose_next(OpenRow& row, std::size_t number) {
    row.next = NextWorker{number, workers_[number].session};
    ++workers_[number].promised;
  }

  // Whoever was to go on from its prompt will not.
  void drop_next(RowId id, OpenRow& row) {
    if (is_next_there(row)) {
      --workers_[row.next->number].promised;
      send(row.next->number, Cancel{row.next->session, id});
    }
    row.next.reset();
  }

  // Those that who goes on from them has not been sent yet.
  void send_parts(RowId id, OpenRow& row) {
    const KnownWorker& worker = workers_[row.next->number];
    for (std::size_t& i = row.next->sent; i < row.parts.count(); ++i) {
      send(row.next->number, row.parts.part(i, worker.session, id, worker.shares_memory));
    }
  }

  void hear(std::size_t number, const Part& part) {
    if (!belongs(workers_[number], part.session)) return;
    OpenRow* row = rows_.find(part.id);
    if (row == nullptr || row->worker != number || !row->at_prompt) return;
    row->parts.take(part);
    if (!is_next_there(*row)) {
      row->next.reset();
      if (const auto writer = placement_.writer(*row)) choose_next(*row, *writer);
    }
    if (row->next) send_parts(part.id, *row);
  }

  // A request has its end. Whoever is at it still may stop.
  void close(RowId id, Completion done) {
    OpenRow& row = *rows_.find(id);
    drop_next(id, row);
    if (row.worker) {
      KnownWorker& worker = workers_[*row.worker];
      pass(*row.worker);
      worker.rows.erase(id);
      send(*row.worker, Cancel{worker.session, id});
    }
    rows_.erase(id);
    done.id = id;
    ++(done.error ? stats_.failed : stats_.completed);
    done_.push_back(std::move(done));
  }

  void take_back(std::size_t number, RowId id) {
    KnownWorker& worker = workers_[number];
    pass(number);
    if (worker.rows.erase(id) == 0) return;
    if (OpenRow& row = *rows_.find(id); row.at_prompt) drop_next(id, row);
    rows_.take_back(id);
  }

  // ---- messages

  void take(std::size_t number, std::string_view bytes) {
    try {
      const WorkerMessage message = decode_message(bytes);
      std::visit([&](const auto& some) { hear(number, some); }, message);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnsupported) return make_unfit(number, error.message());
      leave_out(number, error.message());
    }
  }

  // Whether a message is of the session that is under way, which is a sign of life.
  bool belongs(KnownWorker& worker, std::uint64_t session) {
    if (worker.state != KnownWorker::State::kPresent || worker.session != session) return false;
    worker.heard = worker.pings;
    return true;
  }

  void hear(std::size_t number, const Welcome& welcome) {
    KnownWorker& worker = workers_[number];
    if (worker.state != KnownWorker::State::kAbsent) return;
    if (const auto other = difference(options_.wanted, welcome.identity)) {
      return make_unfit(number, *other);
    }
    worker.state = KnownWorker::State::kPresent;
    worker.session = welcome.session;
    worker.automatic = welcome.role == WorkerRole::kAuto;
    worker.planned = false;
    worker.role = worker.automatic ? WorkerRole::kBoth : welcome.role;
    plan_now_ = true;
    worker.places = std::clamp<std::int64_t>(welcome.places, 1, 4096);
    worker.shares_memory =
        options_.share_memory && welcome.sees && MemoryProbe::sees(welcome.probe);
    if (std::exchange(worker.was_here, true)) {
      warn(fmt::format("worker {} is back", quoted(wire_->name(number))));
    }
  }

  void hear(std::size_t number, const Refusal& refusal) { make_unfit(number, quoted(refusal.why)); }

  void make_unfit(std::size_t number, const std::string& why) {
    KnownWorker& worker = workers_[number];
    if (worker.state == KnownWorker::State::kUnfit) return;
    if (worker.state != KnownWorker::State::kPresent) tell_left_out(number, why);
    leave_out(number, why);
    worker.state = KnownWorker::State::kUnfit;
    worker.why = why;
  }

  void hear(std::size_t number, const Result& result) {
    KnownWorker& worker = workers_[number];
    if (!worker.was_here || worker.state == KnownWorker::State::kUnfit) return;
    if (belongs(worker, result.session)) worker.full = false;
    const RowId id = result.completion.id;
    OpenRow* row = rows_.find(id);
    // What lies in its memory of a prompt is not wanted, or is here.
    if (result.prompt) send(number, Cancel{result.session, id});
    if (row == nullptr) return;  // another one was first
    const bool owns = row->worker == number;
    if (result.prompt) return end_prompt(number, result.completion);
    if (owns && row->at_prompt) return leave_out(number, "it sent an answer to something else");
    if (result.completion.error && !owns) return;  // perhaps of its prompt alone
    if (!result.completion.error && !answers(result.completion, *row)) {
      return leave_out(number, "it sent an answer to something else");
    }
    if (owns) {
      planner_.learn(number, row->request, result.completion, false);
      pass(number);
      worker.rows.erase(id);
      row->worker.reset();
    }
    count(result.completion);
    Completion done = result.completion;
    if (!done.error && row->request.on_text) {
      done.error = failure_of([&] { row->told.end(row->request, done); });
    }
    close(id, std::move(done));
  }

  void hear(std::size_t number, const Piece& piece) {
    if (!belongs(workers_[number], piece.session)) return;
    OpenRow* row = rows_.find(piece.id);
    if (row == nullptr || row->worker != number || !row->request.on_text) return;
    rows_.forget_prompt(piece.id);
    if (auto error = failure_of([&] { row->told.tell(row->request, piece.piece, piece.at); })) {
      Completion failed;
      failed.error = std::move(error);
      close(piece.id, std::move(failed));
    } else if (row->told.unheard(row->request)) {
      cancel(piece.id);
    }
  }

  // What the caller's own code throws is its request's.
  template <typename Tell>
  static std::optional<Failure> failure_of(Tell&& tell) {
    try {
      tell();
      return std::nullopt;
    } catch (const Error& error) {
      return Failure{error.code(), error.message()};
    }
  }

  // Somebody has computed a prompt, or could not: then who writes the answer says why.
  void end_prompt(std::size_t number, const Completion& done) {
    OpenRow& row = *rows_.find(done.id);
    if (row.worker != number || !row.at_prompt) return;  // it goes on elsewhere
    if (!done.error) planner_.learn(number, row.request, done, true);
    pass(number);
    workers_[number].rows.erase(done.id);
    // Where some were lost, the rest is computed with the answer.
    const bool good = !done.error && row.parts.count() > 0;
    if (!good) drop_next(done.id, row);
    rows_.end_prompt(done.id, good);
  }

  static bool answers(const Completion& completion, const OpenRow& row) {
    const auto& wanted = row.request.continuations;
    return std::cmp_equal(completion.samples.size(), row.request.samples) &&
           std::equal(completion.continuations.begin(), completion.continuations.end(),
                      wanted.begin(), wanted.end(),
                      [](const ContinuationScore& score, const std::vector<TokenId>& text) {
                        return score.logprobs.size() == text.size();
                      });
  }

  void count(const Completion& done) {
    stats_.prompt_tokens += done.prompt_tokens;
    stats_.cached_tokens += done.cached_tokens;
    stats_.preemptions += done.preemptions;
    for (const Generation& sample : done.samples) {
      stats_.generated_tokens += static_cast<std::int64_t>(sample.ids.size());
    }
  }

  void hear(std::size_t number, const Back& back) {
    KnownWorker& worker = workers_[number];
    if (!belongs(worker, back.session)) return;
    worker.full = true;
    take_back(number, back.id);
  }

  void hear(std::size_t number, const Pong& pong) {
    KnownWorker& worker = workers_[number];
    if (worker.state != KnownWorker::State::kPresent || worker.session != pong.session) return;
    worker.heard = std::max(worker.heard, std::min(pong.number, worker.pings));
    worker.full = false;
    // What was sent before that ping, and neither is there nor came back, was lost.
    std::vector<RowId> lost;
    for (const RowId id : worker.rows) {
      const bool there = std::find(pong.rows.begin(), pong.rows.end(), id) != pong.rows.end();
      const OpenRow& row = *rows_.find(id);
      if (row.ping >= pong.number) continue;
      if (!there) lost.push_back(id);
      if (there && !row.at_prompt) rows_.forget_prompt(id);
    }
    for (const RowId id : lost) take_back(number, id);
  }

  void hear(std::size_t number, const Stranger&) {
    if (workers_[number].state != KnownWorker::State::kPresent) return;
    leave_out(number, "it was begun anew");
    send(number, Hello{options_.wanted, probe_place()});
  }

  // What only those say who ask.
  template <typename Other>
  void hear(std::size_t number, const Other&) {
    leave_out(number, "it sent what no worker says");
  }

  std::unique_ptr<WorkerWire> wire_;
  WorkerPoolOptions options_;
  std::vector<KnownWorker> workers_;
  OpenRows rows_;
  MemoryProbe probe_;
  Placement placement_{workers_};
  RolePlanner planner_{workers_};
  bool plan_now_ = false;
  Clock::time_point next_beat_{};
  int alone_ = 0;  // heartbeats without any worker
  RowId next_id_ = 1;
  std::vector<Completion> done_;
  EngineStats stats_;
};

}  // namespace

WorkerWire::~WorkerWire() = default;

std::unique_ptr<WorkerPool> WorkerPool::create(std::unique_ptr<WorkerWire> wire,
                                               WorkerPoolOptions options) {
  return std::make_unique<Pool>(std::move(wire), std::move(options));
}

}  // namespace lathe
