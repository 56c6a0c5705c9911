// What a server answers: OpenAI's completions, chat completions and embeddings, models, health,
// metrics.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/tool.h"
#include "serve/answer_stream.h"
#include "serve/http_server.h"
#include "serve/metrics.h"
#include "serve/models.h"
#include "serve/options.h"

namespace lathe::tool {

// Its handlers run on the connections' threads.
class Endpoints {
 public:
  Endpoints(const Tool& tool, const ServeFlags& flags, Models& models);
  // The server may not outlive this.
  void add_to(HttpServer& server);

 private:
  using Handled = httplib::Server::HandlerResponse;

  // What holds for all: keys, encodings, the end that is near.
  Handled admit(const httplib::Request& http, httplib::Response& out);
  void complete(const httplib::Request& http, httplib::Response& out,
                const httplib::ContentReader& body, BatchRow::Form form);
  void embed(httplib::Response& out, const httplib::ContentReader& body);
  // The body; nothing where the answer says why there is none.
  std::optional<std::string> read_whole(const httplib::ContentReader& body, httplib::Response& out);
  // The one that a body asks for; null where the answer says why there is none.
  std::shared_ptr<ServedModel> find_model(const std::string& body, httplib::Response& out);
  void send_whole(const ApiRequest& request, PendingAnswer& answer, AnswerNews news,
                  const Tokenizer& tokenizer, const ApiIdentity& identity, httplib::Response& out);
  void list_models(httplib::Response& out) const;
  void show_model(const httplib::Request& http, httplib::Response& out) const;
  void health(httplib::Response& out) const;
  // In words, whatever went wrong without them.
  static void word_error(httplib::Response& out);
  void log(const httplib::Request& http, const httplib::Response& out);

  const Tool& tool_;
  const ServeFlags& flags_;
  Models& models_;
  HttpServer* server_ = nullptr;
  Metrics metrics_;
  std::atomic<std::uint64_t> next_id_{0};
};

}  // namespace lathe::tool
