// Requests that workers answer, in other processes, on other machines.
//
//   WorkerPoolOptions options;
//   options.wanted = {content_hash(*checkpoint), "f16", context};
//   const auto pool = WorkerPool::create(wire, options);
//   run_batch(*pool, …);                                   // as with an engine
//
// A request goes to any worker with room, by preference to the one that has a text with the same
// beginning; one that is turned away goes to the next. A worker that leaves some pings unanswered
// is left out, and its requests are given to others; it may come back. Since answers have the same
// bytes wherever they are computed (of quantized models), the first answer counts.
//
// Patience is counted in pings that were sent, not in seconds: whoever was asleep himself accuses
// nobody.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/workers/identity.h"

namespace lathe {

// What carries messages to workers and back. Messages to one worker arrive in their order, or are
// lost; a lost one is found out. Of one thread.
class LATHE_API WorkerWire {
 public:
  struct Received {
    std::size_t worker = 0;
    std::string message;
  };

  virtual ~WorkerWire();
  // How many there are; they are numbered from 0.
  virtual std::size_t workers() const noexcept = 0;
  // As messages name it.
  virtual std::string name(std::size_t worker) const = 0;
  // Never waits.
  virtual void send(std::size_t worker, std::string_view message) = 0;
  // The next message, if it comes within `patience`.
  virtual std::optional<Received> receive(std::chrono::milliseconds patience) = 0;
};

struct WorkerPoolOptions {
  WorkerIdentity wanted;
  std::chrono::milliseconds heartbeat{1000};  // from one ping to the next
  std::chrono::milliseconds patience{100};    // the longest that step() waits for news
  int missed = 5;                             // unanswered pings after which a worker is left out
  int give_up = 180;    // pings after which the run ends, where no worker answers
  int most_deaths = 8;  // workers that may be left out over a request before it fails
  // Tokens of a prompt after which what was computed of it goes on to who writes the answer, while
  // the rest is computed; 0: all of it at the end.
  std::int64_t part_tokens = 64;
  // Lets it lie in memory where processes of one machine and user can see each other's; else it is
  // sent through the socket.
  bool share_memory = true;
  // Is told of workers that come and go.
  std::function<void(const std::string&)> on_warning = {};
  // Is told of roles that it gave to workers that leave theirs open (WorkerRole::kAuto).
  std::function<void(const std::string&)> on_role = {};
};

// step() waits up to a fraction of a second for news. It throws kIo when no worker answers for
// long, kInvalid when all of them have other models, kUnsupported when they speak another version.
// submit() throws kUnsupported for what can't be sent (lathe/answer_check.h, callbacks but on_text,
// which is told each byte once); what an engine says of a request comes as its completion's error.
class LATHE_API WorkerPool : public RequestRunner {
 public:
  static std::unique_ptr<WorkerPool> create(std::unique_ptr<WorkerWire> wire,
                                            WorkerPoolOptions options);

  // Workers that answer now.
  virtual std::size_t present() const noexcept = 0;
};

}  // namespace lathe
