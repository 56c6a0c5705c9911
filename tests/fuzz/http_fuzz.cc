// What a caller sends to serve, over a socket: requests one after the other, sound or not. The
// server that answers them is the real one, with a model that has the same answer to everything.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "serve/endpoints.h"
#include "serve/http_server.h"
#include "serve/one_model.h"
#include "support/paths.h"

namespace {

using namespace lathe;
using namespace lathe::tool;

// Answers at once.
class Parrot final : public RequestRunner {
 public:
  RequestId submit(Request request) override {
    if (request.prompt.empty()) throw Error(ErrorCode::kInvalid, "an empty prompt");
    Completion done;
    done.id = ++last_;
    done.prompt_tokens = std::ssize(request.prompt);
    if (request.samples == 0) done.samples.emplace_back().text.assign(16, 'a');  // a vector
    for (int i = 0; i < request.samples; ++i) {
      Generation& sample = done.samples.emplace_back();
      sample.text = "heron";
      sample.ids = {5, 6};
      sample.tokens = {{5, -0.5, {}}, {6, -0.25, {}}};
      if (request.on_text) request.on_text(i, sample.text);
    }
    ended_.push_back(std::move(done));
    return last_;
  }
  std::vector<Completion> step() override { return std::exchange(ended_, {}); }
  bool cancel(RequestId) override { return false; }
  bool idle() const noexcept override { return ended_.empty(); }
  EngineStats stats() const noexcept override { return {}; }

 private:
  RequestId last_ = 0;
  std::vector<Completion> ended_;
};

std::shared_ptr<ServedModel> make_model() {
  const auto checkpoint = Checkpoint::open(testdata("examples/village"));
  auto out = std::make_shared<ServedModel>();
  out->name = "village";
  out->context = 128;
  out->tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
  RowDefaults defaults;
  defaults.chat_template = "chatml";
  out->reader = ApiReader::create(out->tokenizer, defaults);
  out->service = Service::create(std::make_unique<Parrot>());
  return out;
}

// A server, and a caller who sends bytes and hears what comes back.
class Counter {
 public:
  Counter() {
    flags_.max_body = limits_.connection.body = 32768;
    endpoints_.add_to(server_);
  }

  std::string hear(std::string_view bytes) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
    std::string heard;
    std::thread caller([&, own = ends[1]] {
      std::thread sender([&] {
        while (!bytes.empty()) {
          const ssize_t n = ::send(own, bytes.data(), bytes.size(), MSG_NOSIGNAL);
          if (n <= 0) break;
          bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        ::shutdown(own, SHUT_WR);
      });
      char some[4096];
      for (ssize_t n = 0; (n = ::recv(own, some, sizeof(some), 0)) > 0;) {
        heard.append(some, static_cast<std::size_t>(n));
      }
      sender.join();
      ::close(own);
    });
    {
      Connection connection(ends[0], limits_.connection);
      server_.answer(connection);
    }
    caller.join();
    return heard;
  }

 private:
  ServeFlags flags_;
  HttpLimits limits_;
  Tool tool_{"serve", "answers"};
  OneModel models_{make_model()};
  Endpoints endpoints_{tool_, flags_, models_};
  HttpServer server_{limits_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Counter counter;
  const std::string heard = counter.hear({reinterpret_cast<const char*>(data), size});
  if (!heard.empty() && !heard.starts_with("HTTP/1.1 ")) std::abort();
  // Texts of the caller's come back with their marks escaped.
  if (heard.find(R"("code":"bug")") != std::string::npos) std::abort();
  return 0;
}
