// serve: answer requests of OpenAI's HTTP API with a model.
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "lathe/serve/service.h"

#include "common/process.h"
#include "common/tool.h"
#include "serve/endpoints.h"
#include "serve/http_server.h"
#include "serve/options.h"
#include "serve/served_model.h"

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
void wait_for_end(const Service& service) {
  while (stop_signal() == 0 && !service.failure()) std::this_thread::sleep_for(milliseconds(50));
}

// What runs may end; what does not in time is told so. False where something did not.
bool drain(const Tool& tool, const ServeFlags& flags, Service& service) {
  const EngineStats now = service.stats();
  if (now.running + now.waiting > 0) {
    tool.note(fmt::format("ending: {} requests may take {} seconds more", now.running + now.waiting,
                          flags.drain_timeout));
  }
  if (service.drain(milliseconds(static_cast<std::int64_t>(1000 * flags.drain_timeout)))) {
    return true;
  }
  service.cancel_all();
  service.drain(milliseconds(5000));
  return false;
}

int run(const Tool& tool, ServeFlags& flags) {
  check_serve_options(flags);
  const HttpLimits limits = limits_of(flags);
  HttpServer server(limits);
  // Before the model: an address that is taken is known at once.
  const std::string where = server.bind(flags.address);
  ServedModel model = open_served_model(tool, flags);
  Endpoints endpoints(tool, flags, model);
  endpoints.add_to(server);
  stop_at_next_step(static_cast<unsigned>(flags.drain_timeout) + 10);
  server.start();
  tool.note(fmt::format("{} listens at {}", model.name, where));
  wait_for_end(*model.service);
  server.end();
  const bool drained = drain(tool, flags, *model.service);
  server.join();
  if (!flags.address.path.empty()) ::unlink(flags.address.path.c_str());
  if (const auto failure = model.service->failure()) throw Error(failure->code, failure->message);
  tool.note(fmt::format("{} requests were answered", model.service->stats().completed));
  return drained ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("serve", "answer requests over HTTP with a model");
  ServeFlags flags;
  tool.add_common(kModel | kThreads);
  add_serve_options(tool, flags);
  tool.synopsis("-m MODEL [--listen ADDRESS] [OPTION]...");
  tool.example("serve -m model.lathe", "OpenAI's API at http://127.0.0.1:8080/v1");
  tool.example("serve -m model.lathe --listen unix:/run/user/1000/lathe.sock --max-batch 8",
               "For programs of one user on one machine");
  tool.example("serve -m model.lathe --listen 0.0.0.0:8080 --api-key-file keys.txt",
               "For others, who show a key");
  tool.see_also("generate(1), bench(1), lathe(7)");
  return tool.run(argc, argv, [&] { return run(tool, flags); });
}
