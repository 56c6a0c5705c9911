// Workers in this process, and messages that get lost as a test wants it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/workers/host.h"
#include "lathe/workers/pool.h"

#include "unit/engine/small_model.h"

namespace lathe {

inline WorkerIdentity small_identity() { return {77, "f16", 256}; }

// A worker: its own engine, and the host that speaks for it.
struct FakeWorker {
  explicit FakeWorker(std::int64_t places = 4, WorkerIdentity identity = small_identity(),
                      std::int64_t waiting = 2, WorkerRole role = WorkerRole::kBoth) {
    EngineOptions how;
    how.threads = 1;
    how.max_batch = places;
    service = Service::create(Engine::create(small_model().model, small_model().tokenizer, how),
                              {.max_batch = places, .max_waiting = waiting});
    WorkerHostOptions options;
    options.identity = std::move(identity);
    options.role = role;
    options.places = places;
    host = WorkerHost::create(*service, small_model().tokenizer, options);
  }

  std::unique_ptr<Service> service;
  std::unique_ptr<WorkerHost> host;
};

class FakeWire final : public WorkerWire {
 public:
  // Null: there is nobody.
  std::vector<std::unique_ptr<FakeWorker>> here;
  std::vector<bool> asleep;  // its messages wait
  // Sees each message to a worker; true: it is lost.
  std::function<bool(std::size_t worker, std::string_view message)> loses = {};
  std::deque<Received> mail;  // to the pool

  explicit FakeWire(std::size_t count) : here(count), asleep(count), waiting_(count) {}

  std::size_t workers() const noexcept override { return here.size(); }
  std::string name(std::size_t worker) const override { return "worker " + std::to_string(worker); }
  void send(std::size_t worker, std::string_view message) override {
    if (here[worker] == nullptr || (loses && loses(worker, message))) return;
    waiting_[worker].emplace_back(message);
  }
  std::optional<Received> receive(std::chrono::milliseconds) override {
    for (std::size_t i = 0; i < here.size(); ++i) let_work(i);
    if (mail.empty()) return std::nullopt;
    Received out = std::move(mail.front());
    mail.pop_front();
    return out;
  }
  // Ends one as kill -9 does.
  void kill(std::size_t worker) {
    here[worker].reset();
    waiting_[worker].clear();
  }

 private:
  void let_work(std::size_t i) {
    if (here[i] == nullptr || asleep[i]) return;
    for (const std::string& message : std::exchange(waiting_[i], {})) {
      keep(i, here[i]->host->take("pool", message));
    }
    keep(i, here[i]->host->news());
  }
  void keep(std::size_t worker, std::vector<WorkerMail> mails) {
    for (WorkerMail& one : mails) mail.push_back({worker, std::move(one.message)});
  }

  std::vector<std::vector<std::string>> waiting_;
};

}  // namespace lathe
