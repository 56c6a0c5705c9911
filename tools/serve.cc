// serve: answer requests of OpenAI's HTTP API with a model.
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>

#include "lathe/engine.h"

#include "common/process.h"
#include "common/tool.h"
#include "serve/endpoints.h"
#include "serve/http_server.h"
#include "serve/model_folder.h"
#include "serve/one_model.h"
#include "serve/options.h"
#include "serve/served_model.h"
#include "serve/worker_socket.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using std::chrono::milliseconds;

HttpLimits limits_of(const ServeFlags& flags) {
  HttpLimits out;
  out.connections = static_cast<std::size_t>(flags.max_connections);
  out.connection.body = flags.max_body;
  return out;
}

// Until somebody asks for the end, or there is nobody left who answers.
void wait_for_end(const Models& models) {
  while (stop_signal() == 0 && !models.failure()) std::this_thread::sleep_for(milliseconds(50));
}

// What runs may end; what does not in time is told so. False where something did not.
bool drain(const Tool& tool, const ServeFlags& flags, Models& models) {
  const EngineStats now = models.stats();
  if (now.running + now.waiting > 0) {
    tool.note(fmt::format("ending: {} requests may take {} seconds more", now.running + now.waiting,
                          flags.drain_timeout));
  }
  if (models.drain(milliseconds(static_cast<std::int64_t>(1000 * flags.drain_timeout)))) {
    return true;
  }
  models.cancel_all();
  models.drain(milliseconds(5000));
  return false;
}

// Callers over HTTP, as long as it lives.
class HttpSide {
 public:
  HttpSide(const Tool& tool, const ServeFlags& flags)
      : tool_(tool), flags_(flags), limits_(limits_of(flags)), server_(limits_) {
    where_ = server_.bind(flags.address);
  }
  ~HttpSide() {
    if (!flags_.address.path.empty()) ::unlink(flags_.address.path.c_str());
  }
  HttpSide(const HttpSide&) = delete;
  HttpSide& operator=(const HttpSide&) = delete;

  void start(Models& models, const std::string& name) {
    endpoints_.emplace(tool_, flags_, models);
    endpoints_->add_to(server_);
    server_.start();
    tool_.note(fmt::format("{} listens at {}", name, where_));
  }
  void end() { server_.end(); }
  void join() { server_.join(); }

 private:
  const Tool& tool_;
  const ServeFlags& flags_;
  const HttpLimits limits_;
  HttpServer server_;
  std::string where_;
  std::optional<Endpoints> endpoints_;
};

void start_worker(const Tool& tool, const ServeFlags& flags, ServedModel& model,
                  WorkerSocket& socket) {
  WorkerHostOptions options;
  options.identity = model.identity;
  options.role = flags.role == "prefill"  ? WorkerRole::kPrefill
                 : flags.role == "decode" ? WorkerRole::kDecode
                 : flags.role == "auto"   ? WorkerRole::kAuto
                                          : WorkerRole::kBoth;
  options.places = flags.max_batch;
  socket.start(*model.service, model.tokenizer, options);
  tool.note(fmt::format("{} works at {}", model.name, flags.worker));
}

std::unique_ptr<ModelFolder> open_folder(const Tool& tool, const ServeFlags& flags) {
  // How much of it one model's keys and values may have: so that several are open at once.
  constexpr std::uint64_t kShares = 8;
  const std::uint64_t budget = flags.models_memory > 0 ? flags.models_memory : default_kv_memory();
  const std::uint64_t share = flags.kv_memory > 0 ? flags.kv_memory : budget / kShares;
  return std::make_unique<ModelFolder>(
      tool, flags.models, budget, share, [&tool, &flags, share](const ModelFile& file) {
        auto model = open_served_model(tool, flags, file.path, share);
        model.name = file.name;
        return model;
      });
}

int run(const Tool& tool, ServeFlags& flags) {
  check_serve_options(tool, flags);
  // Before the model: an address that is taken is known at once. They end before the model does.
  std::shared_ptr<ServedModel> only;
  std::unique_ptr<Models> models;
  std::optional<HttpSide> http;
  std::optional<WorkerSocket> worker;
  if (flags.has_http()) http.emplace(tool, flags);
  if (!flags.worker.empty()) {
    worker.emplace(flags.worker, flags.worker_key,
                   [&tool](const std::string& text) { tool.warn(text); });
  }
  if (flags.models.empty()) {
    only = std::make_shared<ServedModel>(open_served_model(tool, flags, tool.common().model));
    models = std::make_unique<OneModel>(only);
  } else {
    models = open_folder(tool, flags);
  }
  stop_at_next_step(static_cast<unsigned>(flags.drain_timeout) + 10);
  if (http) http->start(*models, only ? only->name : flags.models);
  if (worker) start_worker(tool, flags, *only, *worker);
  wait_for_end(*models);
  if (http) http->end();
  if (worker) worker->end();
  const bool drained = drain(tool, flags, *models);
  if (http) http->join();
  if (worker) worker->stop();
  if (const auto failure = models->failure()) throw Error(failure->code, failure->message);
  tool.note(fmt::format("{} requests were answered", models->stats().completed));
  return drained ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("serve", "answer requests over HTTP with a model");
  ServeFlags flags;
  tool.add_common(kModelOptional | kThreads);
  add_serve_options(tool, flags);
  tool.synopsis(
      "(-m MODEL | --models DIR) [--listen ADDRESS] [--worker ADDRESS | --workers FILE] "
      "[OPTION]...");
  tool.example("serve -m model.lathe", "OpenAI's API at http://127.0.0.1:8080/v1");
  tool.example("serve -m model.lathe --listen unix:/run/user/1000/lathe.sock --max-batch 8",
               "For programs of one user on one machine");
  tool.example("serve -m model.lathe --listen 0.0.0.0:8080 --api-key-file keys.txt",
               "For others, who show a key");
  tool.example("serve --models models --models-memory 8G",
               "Those of a folder, by the names that requests have for them");
  tool.example("serve -m model.lathe --worker ipc:///run/user/1000/worker1",
               "A worker of generate, sgp-eval and serve --workers");
  tool.example("serve -m model.lathe --workers workers.txt",
               "OpenAI's API, answered by workers of this machine or of others");
  tool.see_also("generate(1), bench(1), lathe(7)");
  return tool.run(argc, argv, [&] { return run(tool, flags); });
}
