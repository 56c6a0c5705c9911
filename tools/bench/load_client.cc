#include "bench/load_client.h"

#include <chrono>
#include <condition_variable>
#include <httplib.h>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "common/fail.h"
#include "common/seconds.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Place {
  std::string host;  // "http://127.0.0.1:8080", or a socket's path
  std::string path;  // in front of "/completions"
  bool unix_socket = false;
};

Place place_of(const std::string& url) {
  if (url.starts_with("unix:")) return {url.substr(5), "/v1", true};
  const bool http = url.starts_with("http://");
  if (!http && !url.starts_with("https://")) {
    fail_usage("--url: {} is no address, such as http://127.0.0.1:8080/v1 or unix:PATH",
               lathe::quoted(url));
  }
  const std::size_t slash = url.find('/', url.find("//") + 2);
  Place out{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash), false};
  while (out.path.ends_with('/')) out.path.pop_back();
  if (out.path.empty()) out.path = "/v1";
  return out;
}

std::unique_ptr<httplib::Client> connect(const LoadTarget& target, const Place& place) {
  auto out = place.unix_socket ? std::make_unique<httplib::Client>(place.host, 1)
                               : std::make_unique<httplib::Client>(place.host);
  if (place.unix_socket) out->set_address_family(AF_UNIX);
  out->set_read_timeout(
      std::chrono::milliseconds(static_cast<std::int64_t>(target.timeout * 1000)));
  httplib::Headers headers;
  if (!target.api_key.empty()) headers.emplace("Authorization", "Bearer " + target.api_key);
  out->set_default_headers(headers);
  return out;
}

std::string body_of(const LoadTarget& target, const LoadRequest& request, std::uint64_t number) {
  return Json{{"model", target.model},
              {"prompt", target.prompts.draw(request.prompt_tokens, number)},
              {"max_tokens", request.answer_tokens},
              {"temperature", 0},
              {"ignore_eos", true},
              {"stream", true},
              {"stream_options", {{"include_usage", true}}}}
      .dump();
}

// Reads server-sent events as their bytes come.
class EventReader {
 public:
  EventReader(LoadOutcome& outcome, Clock::time_point start) : outcome_(outcome), start_(start) {}

  // False for a line that never ends.
  bool read(std::string_view bytes) {
    text_ += bytes;
    std::size_t end = 0;
    while ((end = text_.find('\n')) != std::string::npos) {
      read_line(std::string_view(text_).substr(0, end));
      text_.erase(0, end + 1);
    }
    return text_.size() + other_.size() < kMost;
  }
  bool ended() const noexcept { return ended_; }
  // What came and is no event: the body of an error.
  std::string other() const { return other_ + text_; }

 private:
  void read_line(std::string_view line) {
    constexpr std::string_view kData = "data: ";
    if (!line.starts_with(kData)) {
      other_ += line;
      return;
    }
    line.remove_prefix(kData.size());
    if (line.starts_with("[DONE]")) {
      ended_ = true;
      return;
    }
    try {
      const LoadEvent event = parse_load_event(line);
      if (!event.error.empty()) outcome_.error = event.error;
      if (event.tokens > 0) outcome_.tokens = event.tokens;
      if (event.prompt_tokens > 0) outcome_.prompt_tokens = event.prompt_tokens;
      if (!event.text) return;
    } catch (const Error& error) {
      outcome_.error = error.message();
      return;
    }
    outcome_.pieces.push_back(seconds_since(start_));
  }

  static constexpr std::size_t kMost = std::size_t{1} << 20;

  LoadOutcome& outcome_;
  Clock::time_point start_;
  std::string text_, other_;
  bool ended_ = false;
};

LoadOutcome ask(const LoadTarget& target, const Place& place, const std::string& body,
                Clock::time_point start) {
  LoadOutcome out;
  EventReader reader(out, start);
  httplib::Request request;
  request.method = "POST";
  request.path = place.path + "/completions";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    return reader.read({data, size});
  };
  const auto client = connect(target, place);
  out.sent = seconds_since(start);
  const httplib::Result result = client->send(request);
  if (!result) {
    out.error = fmt::format("no answer ({})", httplib::to_string(result.error()));
  } else if (result->status != 200) {
    out.turned_away = result->status == 503 || result->status == 429;
    out.error = fmt::format("status {}: {}", result->status, reader.other());
  } else if (out.error.empty() && !reader.ended()) {
    out.error = "the stream broke off";
  }
  return out;
}

}  // namespace

void check_target(const LoadTarget& target) { place_of(target.url); }

std::string first_model(const LoadTarget& target) {
  const Place place = place_of(target.url);
  const httplib::Result result = connect(target, place)->Get(place.path + "/models");
  if (!result) {
    fail(ErrorCode::kIo, "--url {}: no answer ({})", lathe::quoted(target.url),
         httplib::to_string(result.error()));
  }
  if (result->status != 200) {
    fail(ErrorCode::kIo, "--url {}: {}/models has status {}: {}", lathe::quoted(target.url),
         place.path, result->status, lathe::quoted(result->body.substr(0, 200)));
  }
  return first_model_id(result->body);
}

std::vector<LoadOutcome> send_load(const LoadTarget& target, std::span<const LoadRequest> plan,
                                   const std::function<void(std::size_t)>& on_end,
                                   const std::function<bool()>& go_on) {
  const Place place = place_of(target.url);
  std::vector<LoadOutcome> outcomes(plan.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t under_way = 0, ended = 0, sent = 0;
  const Clock::time_point start = Clock::now();
  const auto end_one = [&](std::size_t i, LoadOutcome outcome) {
    const std::lock_guard lock(mutex);
    outcomes[i] = std::move(outcome);
    --under_way;
    ++ended;
    changed.notify_all();
  };
  for (; sent < plan.size() && go_on(); ++sent) {
    const std::string body = body_of(target, plan[sent], sent);
    std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(plan[sent].due)));
    {
      const std::lock_guard lock(mutex);
      ++under_way;
      on_end(ended);
    }
    std::thread([&, i = sent, body] { end_one(i, ask(target, place, body, start)); }).detach();
  }
  std::unique_lock lock(mutex);
  while (under_way > 0) {
    changed.wait_for(lock, std::chrono::milliseconds(200));
    on_end(ended);
  }
  outcomes.resize(sent);
  return outcomes;
}

}  // namespace lathe::tool
