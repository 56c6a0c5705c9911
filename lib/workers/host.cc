#include "lathe/workers/host.h"

#include <map>
#include <random>
#include <utility>

#include "base/fail.h"
#include "workers/message.h"
#include "workers/request_message.h"

namespace lathe {
namespace {

// A request that runs, and how much of its text its client was sent.
struct HostedRow {
  std::shared_ptr<PendingAnswer> answer;
  bool streams = false;
  struct Sent {
    std::uint64_t text = 0, reasoning = 0;  // bytes
  };
  std::map<int, Sent> sent = {};  // by sample
};

// A client, from its greeting on.
struct Client {
  std::uint64_t session = 0;
  int silence = 0;  // ticks since it said something
  std::map<RowId, HostedRow> rows;
};

// Whether an answer ended before it was one, since the engine stops.
bool was_cut(const Completion& done) {
  for (const Generation& sample : done.samples) {
    if (sample.reason == FinishReason::kCancelled) return true;
  }
  return false;
}

class Host final : public WorkerHost {
 public:
  Host(Service& service, std::shared_ptr<const Tokenizer> tokenizer, WorkerHostOptions options)
      : service_(service), constraints_(std::move(tokenizer)), options_(std::move(options)) {}

  std::vector<WorkerMail> take(const std::string& client, std::string_view bytes) override {
    WorkerMessage message;
    try {
      message = decode_message(bytes);
    } catch (const Error& error) {
      ++garbage_;
      if (error.code() != ErrorCode::kUnsupported) return {};
      return {{client, encode_message(Refusal{error.message()})}};
    }
    return std::visit([&](const auto& some) { return hear(client, some); }, message);
  }

  std::vector<WorkerMail> news() override {
    std::vector<WorkerMail> out;
    for (auto& [name, client] : clients_) {
      for (auto at = client.rows.begin(); at != client.rows.end();) {
        HostedRow& row = at->second;
        AnswerNews news = row.answer->wait(std::chrono::milliseconds(0));
        if (row.streams) {
          for (AnswerPiece& piece : news.pieces) {
            out.push_back({name, piece_of(client, at->first, row, std::move(piece))});
          }
        }
        if (!news.done) {
          ++at;
          continue;
        }
        out.push_back({name, answer(client, at->first, *std::move(news.done))});
        at = client.rows.erase(at);
      }
    }
    return out;
  }

  void tick() override {
    for (auto at = clients_.begin(); at != clients_.end();) {
      at = ++at->second.silence > options_.silence ? clients_.erase(at) : std::next(at);
    }
  }

  void end() noexcept override { ending_ = true; }

  bool idle() const noexcept override {
    for (const auto& [name, client] : clients_) {
      if (!client.rows.empty()) return false;
    }
    return true;
  }

  std::uint64_t garbage() const noexcept override { return garbage_; }

 private:
  using Mails = std::vector<WorkerMail>;

  std::string answer(const Client& client, RowId id, Completion done) {
    // What an engine that fails says concerns the engine; others may do better.
    if ((!done.error && was_cut(done)) || service_.failure()) {
      return encode_message(Back{client.session, id});
    }
    done.id = id;
    return encode_message(Result{client.session, std::move(done)});
  }

  static std::string piece_of(const Client& client, RowId id, HostedRow& row, AnswerPiece piece) {
    HostedRow::Sent& sent = row.sent[piece.sample];
    std::uint64_t& count = piece.reasoning ? sent.reasoning : sent.text;
    const std::uint64_t at = std::exchange(count, count + piece.text.size());
    return encode_message(Piece{client.session, id, at, std::move(piece)});
  }

  // The client whose session it is; null: unknown.
  Client* find(const std::string& name, std::uint64_t session) {
    const auto at = clients_.find(name);
    if (at == clients_.end() || at->second.session != session) return nullptr;
    at->second.silence = 0;
    return &at->second;
  }

  static Mails stranger(const std::string& name) { return {{name, encode_message(Stranger{})}}; }

  Mails hear(const std::string& name, const Hello& hello) {
    Welcome welcome{0, options_.identity, options_.role, options_.places};
    // Who wants other answers is told what he would get, and is none of ours.
    if (!difference(hello.wanted, options_.identity)) {
      Client& client = clients_[name];
      if (client.session == 0) client.session = random_() | 1;
      client.silence = 0;
      welcome.session = client.session;
    }
    return {{name, encode_message(welcome)}};
  }

  Mails hear(const std::string& name, const Row& row) {
    Client* client = find(name, row.session);
    if (client == nullptr) return stranger(name);
    if (client->rows.contains(row.id)) return {};  // it was given up there, and here it goes on
    if (ending_) return {{name, encode_message(Back{row.session, row.id})}};
    Request request;
    try {
      request = receive_request(row.request, constraints_);
    } catch (const Error& error) {
      Completion failed;
      failed.error = Failure{error.code(), error.message()};
      return {{name, answer(*client, row.id, std::move(failed))}};
    }
    auto pending = service_.submit(std::move(request), row.streams, options_.on_news,
                                   row.streams ? options_.on_news : std::function<void()>());
    if (pending == nullptr) return {{name, encode_message(Back{row.session, row.id})}};
    client->rows.emplace(row.id, HostedRow{std::move(pending), row.streams});
    return {};
  }

  Mails hear(const std::string& name, const Cancel& cancel) {
    if (Client* client = find(name, cancel.session)) client->rows.erase(cancel.id);
    return {};
  }

  Mails hear(const std::string& name, const Ping& ping) {
    const Client* client = find(name, ping.session);
    if (client == nullptr) return stranger(name);
    Pong pong{ping.session, ping.number, {}};
    for (const auto& [id, held] : client->rows) pong.rows.push_back(id);
    return {{name, encode_message(pong)}};
  }

  // What only workers say.
  template <typename Other>
  Mails hear(const std::string&, const Other&) {
    ++garbage_;
    return {};
  }

  Service& service_;
  ConstraintCache constraints_;
  WorkerHostOptions options_;
  std::map<std::string, Client> clients_;
  std::random_device random_device_;
  std::mt19937_64 random_{(std::uint64_t{random_device_()} << 32) | random_device_()};
  bool ending_ = false;
  std::uint64_t garbage_ = 0;
};

}  // namespace

WorkerHost::~WorkerHost() = default;

std::unique_ptr<WorkerHost> WorkerHost::create(Service& service,
                                               std::shared_ptr<const Tokenizer> tokenizer,
                                               WorkerHostOptions options) {
  return std::make_unique<Host>(service, std::move(tokenizer), std::move(options));
}

}  // namespace lathe
