// An engine behind many callers: each waits for an answer of its own, one thread computes.
//
//   auto service = lathe::Service::create(std::move(engine), {});
//   auto answer = service->submit(std::move(request));      // null: too many wait already
//   for (;;) {
//     lathe::AnswerNews news = answer->wait(std::chrono::milliseconds(100));
//     ... news.pieces as they come, until news.done
//   }
//
// What is answered has the bytes that Engine promises, whoever else asks. Thread-safe, all of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/engine.h"
#include "lathe/export.h"

namespace lathe {

struct ServiceOptions {
  std::int64_t max_batch = 32;    // that the engine runs at once
  std::int64_t max_waiting = 64;  // requests beyond those; further ones are turned away
};

// A piece of text that is certain.
struct AnswerPiece {
  int sample = 0;
  std::string text;
  bool reasoning = false;
};

struct AnswerNews {
  std::vector<AnswerPiece> pieces;
  std::optional<Completion> done;  // nothing comes after it
};

// A request that waits, runs or has ended. When the last owner lets go of it before its end, it is
// cancelled.
class LATHE_API PendingAnswer {
 public:
  virtual ~PendingAnswer();
  // What came since the last call; waits up to `patience` where that is nothing.
  virtual AnswerNews wait(std::chrono::milliseconds patience) = 0;
};

class LATHE_API Service {
 public:
  // The engine's thread starts here. The engine is the service's from now on.
  static std::unique_ptr<Service> create(std::unique_ptr<RequestRunner> engine,
                                         const ServiceOptions& options = {});
  // Cancels what runs.
  virtual ~Service();

  // What the engine's submit() throws comes as an answer's error. Null where as many as may wait
  // already (see ready_in()). `on_text` of the request is the service's; of
  // `options.reasoning`, where `stream_reasoning`, its on_text. `on_end` is called by the engine's
  // thread when the answer has its end, `on_piece` when another piece of it is there; they may
  // not call the service, nor throw.
  virtual std::shared_ptr<PendingAnswer> submit(Request request, bool stream_reasoning = false,
                                                std::function<void()> on_end = {},
                                                std::function<void()> on_piece = {}) = 0;
  // Seconds until there is probably a place, by the times of the requests that ended.
  virtual double ready_in() const = 0;
  // As of the last step.
  virtual EngineStats stats() const = 0;
  // What ended the engine's thread, if anything did: nothing is answered any more.
  virtual std::optional<Failure> failure() const = 0;
  // Waits until nothing runs or waits, at most so long; whether that was reached.
  virtual bool drain(std::chrono::milliseconds patience) = 0;
  // Ends what runs and waits.
  virtual void cancel_all() = 0;
};

}  // namespace lathe
