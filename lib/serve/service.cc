#include "lathe/serve/service.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>
#include <utility>

#include "lathe/reasoning.h"

#include "serve/answer_box.h"

namespace lathe {
namespace {

using Box = std::shared_ptr<AnswerBox>;

struct Waiting {
  Request request;
  Box box;
};

// The exception at hand.
Failure what_failed() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.message()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kLimit, "there is not enough memory"};
  } catch (const std::exception& error) {
    return {ErrorCode::kBug, error.what()};
  }
}

// What a caller holds: the box, and a word to the engine's thread when it is let go of.
class Pending final : public PendingAnswer {
 public:
  Pending(Box box, std::function<void()> wake) : box_(std::move(box)), wake_(std::move(wake)) {}
  ~Pending() override {
    box_->abandon();
    if (!ended_) wake_();
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  AnswerNews wait(std::chrono::milliseconds patience) override {
    AnswerNews news = box_->take(patience);
    if (news.done) ended_ = true;
    return news;
  }

 private:
  Box box_;
  std::function<void()> wake_;
  bool ended_ = false;
};

// Shared with the answers, which may outlive the service.
struct Bell {
  std::mutex mutex;
  std::condition_variable changed;
  bool abandoned = false;  // some answer is not waited for any more

  void ring() {
    const std::lock_guard lock(mutex);
    abandoned = true;
    changed.notify_all();
  }
};

class EngineService final : public Service {
 public:
  EngineService(std::unique_ptr<RequestRunner> engine, const ServiceOptions& options)
      : engine_(std::move(engine)), options_(options), bell_(std::make_shared<Bell>()) {
    stats_ = engine_->stats();
    thread_ = std::thread([this] { run(); });
  }

  ~EngineService() override {
    {
      const std::lock_guard lock(bell_->mutex);
      closed_ = true;
      bell_->changed.notify_all();
    }
    thread_.join();
  }

  std::shared_ptr<PendingAnswer> submit(Request request, bool stream_reasoning,
                                        std::function<void()> on_end,
                                        std::function<void()> on_piece) override {
    auto box = std::make_shared<AnswerBox>(std::move(on_end), std::move(on_piece));
    request.on_text = [box](int sample, std::string_view text) {
      box->put({sample, std::string(text)});
      return !box->abandoned();
    };
    if (stream_reasoning && request.options.reasoning != nullptr) {
      auto marks = std::make_shared<ReasoningMarks>(*request.options.reasoning);
      marks->on_text = [box](std::string_view text) { box->put({0, std::string(text), true}); };
      request.options.reasoning = std::move(marks);
    }
    {
      const std::lock_guard lock(bell_->mutex);
      if (failure_) {
        Completion completion;
        completion.error = failure_;
        box->end(std::move(completion));
      } else {
        if (here_ >= options_.max_batch + options_.max_waiting) return nullptr;
        ++here_;
        arrived_.push_back({std::move(request), box});
        bell_->changed.notify_all();
      }
    }
    return std::make_shared<Pending>(std::move(box), [bell = bell_] { bell->ring(); });
  }

  double ready_in() const override {
    const std::lock_guard lock(bell_->mutex);
    return ended_ == 0 ? 1.0
                       : seconds_ / static_cast<double>(ended_) /
                             static_cast<double>(std::max<std::int64_t>(1, options_.max_batch));
  }

  EngineStats stats() const override {
    const std::lock_guard lock(bell_->mutex);
    return stats_;
  }

  std::optional<Failure> failure() const override {
    const std::lock_guard lock(bell_->mutex);
    return failure_;
  }

  bool drain(std::chrono::milliseconds patience) override {
    std::unique_lock lock(bell_->mutex);
    return bell_->changed.wait_for(lock, patience, [&] { return here_ == 0; });
  }

  void cancel_all() override {
    const std::lock_guard lock(bell_->mutex);
    cancel_all_ = true;
    bell_->changed.notify_all();
  }

 private:
  // What the engine's thread is told between steps.
  struct Orders {
    std::vector<Waiting> arrived;
    bool look_for_abandoned = false, cancel_all = false;
  };

  // Nothing when it is to end.
  std::optional<Orders> next_orders() {
    std::unique_lock lock(bell_->mutex);
    if (engine_->idle()) {
      bell_->changed.wait(lock, [&] { return closed_ || cancel_all_ || !arrived_.empty(); });
    }
    if (closed_) return std::nullopt;
    return Orders{std::exchange(arrived_, {}), std::exchange(bell_->abandoned, false),
                  std::exchange(cancel_all_, false)};
  }

  void run() {
    try {
      while (auto orders = next_orders()) {
        for (Waiting& waiting : orders->arrived) begin(std::move(waiting));
        if (orders->look_for_abandoned || orders->cancel_all) cancel_some(orders->cancel_all);
        std::vector<Completion> ended = engine_->step();
        note_stats();  // first: whoever has an answer finds it counted
        for (Completion& done : ended) end(std::move(done));
      }
      fail_all({ErrorCode::kFailed, "the server ends"});
    } catch (...) {
      fail_all(what_failed());
    }
  }

  void note_stats() {
    const std::lock_guard lock(bell_->mutex);
    stats_ = engine_->stats();
  }

  void begin(Waiting waiting) {
    if (waiting.box->abandoned()) {
      leave(0.0);
      return;
    }
    try {
      const RequestId id = engine_->submit(std::move(waiting.request));
      running_.emplace(id, std::move(waiting.box));
    } catch (...) {
      Completion refused;
      refused.error = what_failed();
      waiting.box->end(std::move(refused));
      leave(0.0);
    }
  }

  void cancel_some(bool all) {
    for (const auto& [id, box] : running_) {
      if (all || box->abandoned()) engine_->cancel(id);
    }
  }

  void end(Completion done) {
    const auto at = running_.find(done.id);
    const Box box = std::move(at->second);
    running_.erase(at);
    const double seconds = done.timings.total - done.timings.queued;
    box->end(std::move(done));
    leave(seconds);
  }

  // A request is no longer here.
  void leave(double seconds) {
    const std::lock_guard lock(bell_->mutex);
    --here_;
    ++ended_;
    seconds_ += seconds;
    bell_->changed.notify_all();
  }

  void fail_all(const Failure& failure) {
    const std::lock_guard lock(bell_->mutex);
    failure_ = failure;
    Completion failed;
    failed.error = failure;
    for (const auto& [id, box] : running_) box->end(failed);
    for (const Waiting& waiting : arrived_) waiting.box->end(failed);
    running_.clear();
    arrived_.clear();
    here_ = 0;
    bell_->changed.notify_all();
  }

  std::unique_ptr<RequestRunner> engine_;  // of its thread
  ServiceOptions options_;
  std::unordered_map<RequestId, Box> running_;  // of the engine's thread
  // The rest is under the bell's mutex.
  std::shared_ptr<Bell> bell_;
  std::vector<Waiting> arrived_;
  std::int64_t here_ = 0;  // requests that wait or run
  std::int64_t ended_ = 0;
  double seconds_ = 0.0;  // that those took
  bool closed_ = false, cancel_all_ = false;
  EngineStats stats_;
  std::optional<Failure> failure_;
  std::thread thread_;
};

}  // namespace

PendingAnswer::~PendingAnswer() = default;
Service::~Service() = default;

std::unique_ptr<Service> Service::create(std::unique_ptr<RequestRunner> engine,
                                         const ServiceOptions& options) {
  return std::make_unique<EngineService>(std::move(engine), options);
}

}  // namespace lathe
