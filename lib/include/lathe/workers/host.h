// A worker: answers requests of those who ask by messages (pool.h) with a Service's engine.
//
// Of one thread, but for `on_news`. What carries the messages is the caller's: what take(), news()
// and tick() return is to be sent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/serve/service.h"
#include "lathe/workers/identity.h"

namespace lathe {

struct WorkerMail {
  std::string client;  // as its messages came
  std::string message;
};

struct WorkerHostOptions {
  WorkerIdentity identity;
  WorkerRole role = WorkerRole::kBoth;
  std::int64_t places = 32;  // requests that the engine runs at once
  int silence = 30;          // ticks without a word after which a client is forgotten
  // Called by the engine's thread: there is something for news() to send.
  std::function<void()> on_news = {};
};

class LATHE_API WorkerHost {
 public:
  // The service outlives it.
  static std::unique_ptr<WorkerHost> create(Service& service,
                                            std::shared_ptr<const Tokenizer> tokenizer,
                                            WorkerHostOptions options);
  virtual ~WorkerHost();

  // A message of a client; no exceptions, whatever it is.
  virtual std::vector<WorkerMail> take(const std::string& client, std::string_view message) = 0;
  // The answers that have come.
  virtual std::vector<WorkerMail> news() = 0;
  // To be called once a second or so: gives up what was asked by clients that are gone.
  virtual void tick() = 0;
  // From now on requests are turned away; those that run go on.
  virtual void end() noexcept = 0;
  // Nobody waits for an answer.
  virtual bool idle() const noexcept = 0;
  // Messages that made no sense.
  virtual std::uint64_t garbage() const noexcept = 0;
};

}  // namespace lathe
