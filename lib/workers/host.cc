#include "lathe/workers/host.h"

#include <map>
#include <random>
#include <utility>

#include "base/fail.h"
#include "workers/message.h"
#include "workers/request_message.h"
#include "workers/row_parts.h"

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
  // Where the parts of its prompt are wanted: those that are not sent yet, and how many are.
  std::shared_ptr<PartBox> parts = {};
  std::uint64_t parts_sent = 0;
};

// A client, from its greeting on.
struct Client {
  std::uint64_t session = 0;
  int silence = 0;  // ticks since it said something
  std::map<RowId, HostedRow> rows;
  std::map<RowId, RowParts> coming;      // what rows will begin with that have not come yet
  std::map<RowId, SharedMemory> memory;  // of parts that were sent, until it has seen them
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
        send_parts(name, client, at->first, row, out);
        if (!news.done) {
          ++at;
          continue;
        }
        const bool prompt = row.parts != nullptr;
        out.push_back({name, answer(client, at->first, prompt, *std::move(news.done))});
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

  std::string answer(const Client& client, RowId id, bool prompt, Completion done) {
    // What an engine that fails says concerns the engine; others may do better.
    if ((!done.error && was_cut(done)) || service_.failure()) {
      return encode_message(Back{client.session, id});
    }
    done.id = id;
    return encode_message(Result{client.session, prompt, std::move(done)});
  }

  static void send_parts(const std::string& name, Client& client, RowId id, HostedRow& row,
                         Mails& out) {
    if (row.parts == nullptr) return;
    for (auto& [of, part] : row.parts->take()) {
      Part message{client.session, id, row.parts_sent++, of, std::move(part), std::nullopt};
      if (const auto memory = client.memory.find(id); memory != client.memory.end()) {
        const std::uint64_t size = message.part.pages.size();
        if (const auto offset = memory->second.append(message.part.pages)) {
          message.memory = MemoryRange{memory->second.place(), *offset, size};
        }
      }
      out.push_back({name, encode_message(message)});
    }
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
    Welcome welcome{0,
                    options_.identity,
                    options_.role,
                    options_.places,
                    MemoryProbe::sees(hello.probe),
                    probe_.place()};
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
    // Some may have been lost: then the rest is computed.
    const auto parts = client->coming.extract(row.id);
    if (client->rows.contains(row.id)) return {};  // it was given up there, and here it goes on
    if (ending_) return {{name, encode_message(Back{row.session, row.id})}};
    Request request;
    try {
      request = receive_request(row.request, constraints_);
    } catch (const Error& error) {
      Completion failed;
      failed.error = Failure{error.code(), error.message()};
      return {{name, answer(*client, row.id, row.prompt, std::move(failed))}};
    }
    HostedRow hosted;
    hosted.streams = row.streams;
    if (row.prompt) give_parts(*client, row, request, hosted);
    if (row.parts && !parts.empty()) {
      request.beginning = std::make_shared<const Beginning>(parts.mapped().beginning());
    }
    auto pending = service_.submit(std::move(request), row.streams, options_.on_news,
                                   row.streams ? options_.on_news : std::function<void()>());
    if (pending == nullptr) return {{name, encode_message(Back{row.session, row.id})}};
    hosted.answer = std::move(pending);
    client->rows.emplace(row.id, std::move(hosted));
    return {};
  }

  // Has a request's prompt given away while it is computed.
  void give_parts(Client& client, const Row& row, Request& request, HostedRow& hosted) const {
    hosted.parts = std::make_shared<PartBox>();
    request.on_beginning = [box = hosted.parts, told = options_.on_news](const std::string& of,
                                                                         BeginningPart part) {
      box->put(of, std::move(part));
      if (told) told();
    };
    if (!row.memory) return;
    while (std::cmp_greater_equal(client.memory.size(), most_kept())) {
      client.memory.erase(client.memory.begin());  // the oldest: somebody forgot it
    }
    if (auto memory = SharedMemory::create()) client.memory.emplace(row.id, *std::move(memory));
  }

  // Prompts whose parts are kept for a client, at most.
  std::int64_t most_kept() const noexcept { return 4 * options_.places + 4; }

  Mails hear(const std::string& name, const Part& part) {
    Client* client = find(name, part.session);
    if (client == nullptr) return stranger(name);
    if (std::cmp_less(client->coming.size(), most_kept())) client->coming[part.id].take(part);
    return {};
  }

  Mails hear(const std::string& name, const Cancel& cancel) {
    if (Client* client = find(name, cancel.session)) {
      client->rows.erase(cancel.id);
      client->coming.erase(cancel.id);
      client->memory.erase(cancel.id);
    }
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
  MemoryProbe probe_;
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
