#include "serve/worker_socket.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "common/fail.h"
#include "common/zmq_wire.h"
#include "serve/listen_address.h"

namespace lathe::tool {
namespace {

using std::chrono::milliseconds;
using Parts = std::vector<zmq::message_t>;

constexpr const char* kFile = "ipc://";
constexpr milliseconds kTick{1000};
// How long answers may take to leave when the worker ends.
constexpr milliseconds kLastWords{2000};

// What wakes the socket's thread. The engine's thread has it too, and may be the last to.
struct Bell {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

  Bell() = default;
  ~Bell() {
    if (descriptor >= 0) ::close(descriptor);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() const noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(descriptor, &one, sizeof one));
  }
  void hear() const noexcept {
    std::uint64_t rung = 0;
    static_cast<void>(!::read(descriptor, &rung, sizeof rung));
  }
};

// A message in parts, if there is one now.
Parts receive_parts(zmq::socket_t& socket) {
  Parts out;
  do {
    zmq::message_t part;
    const auto flags = out.empty() ? zmq::recv_flags::dontwait : zmq::recv_flags::none;
    if (!socket.recv(part, flags)) return {};
    out.push_back(std::move(part));
  } while (out.back().more());
  return out;
}

// Whether they who connect have the key: ZeroMQ asks here (ZAP, rfc.zeromq.org/spec/27).
void answer_for_key(zmq::socket_t& socket, const WorkerKey& key) {
  const Parts asked = receive_parts(socket);
  if (asked.size() < 2) return;
  bool known = false;
  if (asked.size() == 7 && asked[6].size() == 32) {
    char shown[41];
    ::zmq_z85_encode(shown, static_cast<const std::uint8_t*>(asked[6].data()), asked[6].size());
    known = key.open == shown;
  }
  const std::string words[] = {asked[0].to_string(),
                               asked[1].to_string(),
                               known ? "200" : "400",
                               known ? "OK" : "No",
                               "",
                               ""};
  for (std::size_t i = 0; i < std::size(words); ++i) {
    const auto flags = i + 1 < std::size(words) ? zmq::send_flags::sndmore : zmq::send_flags::none;
    socket.send(zmq::buffer(words[i]), flags);
  }
}

}  // namespace

struct WorkerSocket::State {
  WorkerKey key;
  zmq::context_t context;
  zmq::socket_t gate{context, zmq::socket_type::rep};
  zmq::socket_t socket{context, zmq::socket_type::router};
  zmq::socket_t doorman{context, zmq::socket_type::pair};  // tells of who was not let in
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  std::function<void(const std::string&)> on_warning;
  std::uint64_t turned_away = 0;  // since the last tick
  std::unique_ptr<WorkerHost> host;
  std::atomic<bool> ending{false}, stopping{false};
  std::thread thread;

  void listen(const std::string& address) {
    socket.set(zmq::sockopt::linger, static_cast<int>(kLastWords.count()));
    socket.set(zmq::sockopt::ipv6, true);
    socket.set(zmq::sockopt::maxmsgsize, kMostRequestBytes);
    if (!key.empty()) {
      gate.bind("inproc://zeromq.zap.01");
      socket.set(zmq::sockopt::zap_domain, "lathe");
      socket.set(zmq::sockopt::curve_server, true);
      socket.set(zmq::sockopt::curve_secretkey, key.secret);
      constexpr const char* kDoor = "inproc://door";
      constexpr int kNotLetIn = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
      if (::zmq_socket_monitor(socket.handle(), kDoor, kNotLetIn) != 0) throw zmq::error_t();
      doorman.connect(kDoor);
    }
    const mode_t before = ::umask(0177);
    try {
      socket.bind(address);
    } catch (...) {
      ::umask(before);
      throw;
    }
    ::umask(before);
  }

  void send(const std::vector<WorkerMail>& mails) {
    for (const WorkerMail& mail : mails) {
      // Who is gone, or reads nothing, loses it, and asks again.
      if (socket.send(zmq::buffer(mail.client),
                      zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
        static_cast<void>(socket.send(zmq::buffer(mail.message), zmq::send_flags::dontwait));
      }
    }
  }

  void tell_turned_away() {
    if (turned_away == 0) return;
    on_warning(fmt::format("{} connections were turned away: they have another key or none",
                           std::exchange(turned_away, 0)));
  }

  void take_all() {
    for (Parts parts = receive_parts(socket); !parts.empty(); parts = receive_parts(socket)) {
      if (parts.size() == 2) send(host->take(parts[0].to_string(), parts[1].to_string_view()));
    }
  }

  void step(milliseconds patience) {
    zmq::pollitem_t items[] = {{socket.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, bell->descriptor, ZMQ_POLLIN, 0},
                               {gate.handle(), 0, ZMQ_POLLIN, 0},
                               {doorman.handle(), 0, ZMQ_POLLIN, 0}};
    zmq::poll(items, std::size(items), patience);
    if (items[2].revents != 0) answer_for_key(gate, key);
    if (items[3].revents != 0) {
      while (!receive_parts(doorman).empty()) ++turned_away;
    }
    if (ending.load()) host->end();
    if (items[0].revents != 0) take_all();
    if (items[1].revents != 0) {
      bell->hear();
      send(host->news());
    }
  }

  void run() {
    auto next_tick = std::chrono::steady_clock::now() + kTick;
    while (!stopping.load()) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= next_tick) {
        host->tick();
        tell_turned_away();
        next_tick = now + kTick;
      }
      try {
        step(std::chrono::ceil<milliseconds>(next_tick - now));
      } catch (const zmq::error_t& error) {
        if (error.num() != EINTR && error.num() != EHOSTUNREACH) throw;
      }
    }
    send(host->news());
    tell_turned_away();
  }
};

WorkerSocket::WorkerSocket(const std::string& address, const WorkerKey& key,
                           std::function<void(const std::string&)> on_warning)
    : state_(std::make_unique<State>()) {
  state_->key = key;
  state_->on_warning = std::move(on_warning);
  // ZeroMQ would take the file away from who has it.
  if (address.starts_with(kFile) && answers_at(address.substr(std::strlen(kFile)))) {
    fail(ErrorCode::kIo, "--worker: somebody listens at {} already", lathe::quoted(address));
  }
  try {
    state_->listen(address);
  } catch (const zmq::error_t& error) {
    fail(ErrorCode::kIo, "--worker: cannot listen at {}: {}", lathe::quoted(address), error.what());
  }
}

WorkerSocket::~WorkerSocket() { stop(); }

void WorkerSocket::start(Service& service, std::shared_ptr<const Tokenizer> tokenizer,
                         WorkerHostOptions options) {
  options.on_news = [bell = state_->bell] { bell->ring(); };
  state_->host = WorkerHost::create(service, std::move(tokenizer), std::move(options));
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

void WorkerSocket::end() noexcept { state_->ending.store(true); }

void WorkerSocket::stop() {
  state_->stopping.store(true);
  state_->bell->ring();
  if (state_->thread.joinable()) state_->thread.join();
  state_->host.reset();
}

}  // namespace lathe::tool
