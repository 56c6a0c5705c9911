#include "serve/answer_stream.h"

#include <utility>

#include "serve/connection.h"

namespace lathe::tool {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

AnswerStream::AnswerStream(ApiRequest request, std::shared_ptr<PendingAnswer> answer,
                           AnswerNews news, ApiIdentity identity,
                           std::shared_ptr<const Tokenizer> tokenizer,
                           std::function<void(const Completion&)> on_end)
    : request_(std::move(request)),
      answer_(std::move(answer)),
      news_(std::move(news)),
      identity_(std::move(identity)),
      tokenizer_(std::move(tokenizer)),
      on_end_(std::move(on_end)) {}

bool AnswerStream::send(httplib::DataSink& sink, const std::string& json) {
  const std::string event = "data: " + json + "\n\n";
  return sink.write(event.data(), event.size());
}

bool AnswerStream::send_more(httplib::DataSink& sink) {
  if (Connection::current().closed()) return false;
  if (!std::exchange(begun_, true)) {
    for (const std::string& chunk : api_first_chunks(request_, identity_)) {
      if (!send(sink, chunk)) return false;
    }
  }
  for (const AnswerPiece& piece : news_.pieces) {
    if (!send(sink, api_chunk(request_, piece, identity_))) return false;
  }
  if (news_.done) return end(sink, *news_.done);
  news_ = answer_->wait(kPatience);
  return true;
}

bool AnswerStream::end(httplib::DataSink& sink, const Completion& done) {
  try {
    if (done.error) throw Error(done.error->code, done.error->message);
    for (const std::string& chunk : api_last_chunks(request_, done, *tokenizer_, identity_)) {
      if (!send(sink, chunk)) return false;
    }
    on_end_(done);
  } catch (const Error& error) {  // the status was sent long ago
    if (!send(sink, api_error("server_error", to_string(error.code()), error.message()))) {
      return false;
    }
  }
  if (!send(sink, "[DONE]")) return false;
  sink.done();
  return true;
}

}  // namespace lathe::tool
