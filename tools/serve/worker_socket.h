// Where a worker is asked: a ZeroMQ socket, and the thread that reads and writes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lathe/workers/host.h"

#include "common/worker_key.h"

namespace lathe::tool {

class WorkerSocket {
 public:
  // Listens at tcp://HOST:PORT or ipc://PATH, of which the file is its owner's alone; with a key
  // only to those who have it, too; `on_warning` is told of others, once a second at most. Throws
  // kIo.
  WorkerSocket(const std::string& address, const WorkerKey& key,
               std::function<void(const std::string&)> on_warning);
  ~WorkerSocket();
  WorkerSocket(const WorkerSocket&) = delete;
  WorkerSocket& operator=(const WorkerSocket&) = delete;

  // Answers from now on. The service outlives this. `options.on_news` is this one's.
  void start(Service& service, std::shared_ptr<const Tokenizer> tokenizer,
             WorkerHostOptions options);
  // From now on requests are turned away; answers to those that run are still sent.
  void end() noexcept;
  // Sends what is there, and stops.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe::tool
