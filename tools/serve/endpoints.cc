#include "serve/endpoints.h"

#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/host/json_text.h"
#include "lathe/serve/embeddings.h"

#include "serve/api_keys.h"
#include "serve/http_answer.h"
#include "serve/request_head.h"
#include "serve/text_vectors.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kPatience{100};

// What paths are counted as: a few, whatever callers come up with.
std::string endpoint_of(const std::string& path) {
  for (const char* known : {"/v1/chat/completions", "/v1/completions", "/v1/embeddings",
                            "/v1/models", "/health", "/metrics"}) {
    if (path == known) return known;
  }
  return path.starts_with("/v1/models/") ? "/v1/models" : "other";
}

enum class BodyRead { kWhole, kTooLarge, kBroken };

BodyRead read_body(const httplib::ContentReader& reader, std::size_t most, std::string& body) {
  bool fits = true;
  const bool whole = reader([&](const char* data, std::size_t size) {
    fits = size <= most - body.size();
    if (fits) body.append(data, size);
    return fits;
  });
  if (!fits) return BodyRead::kTooLarge;
  return whole ? BodyRead::kWhole : BodyRead::kBroken;
}

// No further request is read on this connection.
void end_connection(httplib::Response& out) {
  Connection::current().close_after();
  out.set_header("Connection", "close");
}

// As many requests as may be wait already.
void turn_away(const Service& service, httplib::Response& out) {
  const double seconds = std::min(60.0, std::ceil(std::max(1.0, service.ready_in())));
  out.set_header("Retry-After", fmt::format("{:.0f}", seconds));
  send_error(out, 503, "too_many_requests",
             "as many requests as may be wait already; come back later");
}

void refuse_unread(httplib::Response& out, int status, std::string_view code,
                   std::string_view message) {
  end_connection(out);  // the body would be taken for the next request
  send_error(out, status, code, message);
}

}  // namespace

Endpoints::Endpoints(const Tool& tool, const ServeFlags& flags, Models& models)
    : tool_(tool), flags_(flags), models_(models) {}

void Endpoints::add_to(HttpServer& server) {
  using httplib::ContentReader;
  using httplib::Request;
  using httplib::Response;
  server_ = &server;
  server.set_pre_routing_handler(
      [this](const Request& http, Response& out) { return admit(http, out); });
  server.Post("/v1/chat/completions",
              [this](const Request& http, Response& out, const ContentReader& body) {
                complete(http, out, body, BatchRow::Form::kOpenAiChat);
              });
  server.Post("/v1/completions",
              [this](const Request& http, Response& out, const ContentReader& body) {
                complete(http, out, body, BatchRow::Form::kOpenAiText);
              });
  server.Post("/v1/embeddings", [this](const Request&, Response& out, const ContentReader& body) {
    embed(out, body);
  });
  server.Get("/v1/models", [this](const Request&, Response& out) { list_models(out); });
  server.Get("/v1/models/(.+)",
             [this](const Request& http, Response& out) { show_model(http, out); });
  server.Get("/health", [this](const Request&, Response& out) { health(out); });
  server.Get("/metrics", [this](const Request&, Response& out) {
    out.set_content(metrics_.text(models_.stats(), models_.state()), "text/plain; version=0.0.4");
  });
  server.set_error_handler([](const Request&, Response& out) { word_error(out); });
  server.set_exception_handler([](const Request&, Response& out, std::exception_ptr) {
    send_error(out, 500, "bug", "the request could not be answered");
  });
  server.set_logger([this](const Request& http, const Response& out) { log(http, out); });
}

Endpoints::Handled Endpoints::admit(const httplib::Request& http, httplib::Response& out) {
  if (const auto problem = head_problem(Connection::current().head())) {
    refuse_unread(out, 400, "bad_request", "the request's head is not sound: " + *problem);
    return Handled::Handled;
  }
  // The library takes chunks for whole that are not, and what is left of them for a request.
  if (http.has_header("Transfer-Encoding")) end_connection(out);
  if (http.path == "/health") return Handled::Unhandled;
  // Of two keys somebody in front of us may have looked at the other.
  if (!flags_.api_keys.empty() &&
      (http.get_header_value_count("Authorization") != 1 ||
       !is_authorized(flags_.api_keys, http.get_header_value("Authorization")))) {
    out.set_header("WWW-Authenticate", "Bearer");
    refuse_unread(out, 401, "invalid_api_key", "a key is needed: Authorization: Bearer KEY");
    return Handled::Handled;
  }
  // The library would call what is not there for each part.
  if (http.is_multipart_form_data()) {
    refuse_unread(out, 415, "unsupported_media_type", "a request's body is JSON, in one part");
    return Handled::Handled;
  }
  if (server_->ending()) {
    out.set_header("Retry-After", "5");
    refuse_unread(out, 503, "ending", "the server ends");
    return Handled::Handled;
  }
  return Handled::Unhandled;
}

std::shared_ptr<ServedModel> Endpoints::find_model(const std::string& body,
                                                   httplib::Response& out) {
  std::string name;
  if (models_.choose()) {
    try {
      name = api_model(body);
    } catch (const Error& error) {
      send_failure(out, {error.code(), error.message()});
      return nullptr;
    }
  }
  FoundModel found =
      models_.find(name, [this] { return Connection::current().closed() || server_->ending(); });
  if (found.model == nullptr) {
    if (found.status == 503) out.set_header("Retry-After", "5");
    send_error(out, found.status, found.code, found.message);
  }
  return std::move(found.model);
}

std::optional<std::string> Endpoints::read_whole(const httplib::ContentReader& body,
                                                 httplib::Response& out) {
  std::string text;
  const BodyRead read = read_body(body, flags_.max_body, text);
  // The library knows by its length that a body is too large, and does not read it.
  if (read == BodyRead::kTooLarge || (read == BodyRead::kBroken && out.status == 413)) {
    refuse_unread(out, 413, "too_large",
                  fmt::format("a request may have {} bytes", flags_.max_body));
    return std::nullopt;
  }
  if (read == BodyRead::kBroken) {
    refuse_unread(out, 400, "bad_request", "the request's body could not be read");
    return std::nullopt;
  }
  return text;
}

void Endpoints::complete(const httplib::Request&, httplib::Response& out,
                         const httplib::ContentReader& body, BatchRow::Form form) {
  const auto text = read_whole(body, out);
  if (!text) return;
  const std::shared_ptr<ServedModel> model = find_model(*text, out);
  if (model == nullptr) return;
  ApiRequest request = model->reader->read(*text, form);
  if (request.row.error) return send_failure(out, *request.row.error);
  const bool streams = request.row.stream;
  std::shared_ptr<PendingAnswer> answer =
      model->service->submit(request.for_engine(), streams && request.row.samples == 1);
  if (answer == nullptr) return turn_away(*model->service, out);
  // What is refused has its status; after the first words it is too late for that.
  AnswerNews news;
  while (news.pieces.empty() && !news.done) {
    if (Connection::current().closed()) return;  // which cancels it
    news = answer->wait(kPatience);
  }
  if (news.done && news.done->error) {
    return send_failure(out, *news.done->error, timed_out(request.row.timeout, *news.done));
  }
  const ApiIdentity identity{fmt::format("{:x}-{}", model->loaded, ++next_id_),
                             static_cast<std::int64_t>(std::time(nullptr)), model->name};
  if (!streams)
    return send_whole(request, *answer, std::move(news), *model->tokenizer, identity, out);
  auto stream = std::make_shared<AnswerStream>(
      std::move(request), std::move(answer), std::move(news), identity, model->tokenizer,
      [this, model](const Completion& done) { metrics_.measure(done); });  // which keeps it
  out.set_header("Cache-Control", "no-cache");
  out.set_chunked_content_provider(
      "text/event-stream",
      [stream](std::size_t, httplib::DataSink& sink) { return stream->send_more(sink); });
}

void Endpoints::send_whole(const ApiRequest& request, PendingAnswer& answer, AnswerNews news,
                           const Tokenizer& tokenizer, const ApiIdentity& identity,
                           httplib::Response& out) {
  while (!news.done) {
    if (Connection::current().closed()) return;
    news = answer.wait(kPatience);
  }
  if (news.done->error) {
    return send_failure(out, *news.done->error, timed_out(request.row.timeout, *news.done));
  }
  try {
    send_json(out, api_answer(request, *news.done, tokenizer, identity));
    metrics_.measure(*news.done);
  } catch (const Error& error) {
    send_failure(out, {error.code(), error.message()});
  }
}

void Endpoints::embed(httplib::Response& out, const httplib::ContentReader& body) {
  const auto text = read_whole(body, out);
  if (!text) return;
  const std::shared_ptr<ServedModel> model = find_model(*text, out);
  if (model == nullptr) return;
  if (model->no_vectors) return send_failure(out, *model->no_vectors);
  const EmbeddingsRequest request = read_embeddings_request(*text, *model->tokenizer);
  if (request.error) return send_failure(out, *request.error);
  TextVectors vectors(*model->service, request, flags_);
  switch (vectors.wait([] { return Connection::current().closed(); })) {
    case TextVectors::End::kGone:
      return;  // which cancels what is left
    case TextVectors::End::kNoPlace:
      return turn_away(*model->service, out);
    case TextVectors::End::kFailed:
      return send_failure(out, *vectors.failure(), vectors.late());
    case TextVectors::End::kDone:
      break;
  }
  for (const Completion& done : vectors.completions()) metrics_.measure(done);
  try {
    auto made = vectors.vectors();
    for (auto& vector : made) {
      if (request.dimensions == 0) break;
      vector = shortened(std::move(vector), request.dimensions, model->vectors.normalized);
    }
    send_json(out, embeddings_answer(request, made, model->name));
  } catch (const Error& error) {
    send_failure(out, {error.code(), error.message()});
  }
}

namespace {

Json model_json(const ModelState& model) {
  Json out = {
      {"id", model.name}, {"object", "model"}, {"created", model.created}, {"owned_by", "local"}};
  if (model.context > 0) out["max_model_len"] = model.context;
  return out;
}

}  // namespace

void Endpoints::list_models(httplib::Response& out) const {
  Json list = Json::array();
  for (const ModelState& model : models_.state().models) list.push_back(model_json(model));
  send_json(out, json_text(Json{{"object", "list"}, {"data", list}}));
}

void Endpoints::show_model(const httplib::Request& http, httplib::Response& out) const {
  for (const ModelState& model : models_.state().models) {
    if (http.matches[1].str() == model.name) return send_json(out, json_text(model_json(model)));
  }
  send_error(out, 404, "model_not_found", "there is no such model here");
}

void Endpoints::health(httplib::Response& out) const {
  if (const auto failure = models_.failure()) return send_failure(out, *failure);
  send_json(out, R"({"status":"ok"})");
}

void Endpoints::word_error(httplib::Response& out) {
  if (!out.body.empty()) return;
  if (out.status == 404) return send_error(out, 404, "not_found", "there is no such address here");
  end_connection(out);  // where the request ends nobody knows
  if (out.status == 413) return send_error(out, 413, "too_large", "the request is too large");
  send_error(out, out.status, "bad_request", "the request could not be read");
}

void Endpoints::log(const httplib::Request& http, const httplib::Response& out) {
  metrics_.count(endpoint_of(http.path), out.status);
  if (tool_.common().verbose == 0) return;
  tool_.note(fmt::format("{} {} {} {}", http.remote_addr.empty() ? "unix" : http.remote_addr,
                         http.method, http.path, out.status));
}

}  // namespace lathe::tool
