#include "common/zmq_wire.h"

#include <cerrno>
#include <utility>
#include <zmq.hpp>

#include "common/fail.h"

namespace lathe::tool {
namespace {

class ZmqWire final : public WorkerWire {
 public:
  ZmqWire(const std::vector<std::string>& addresses, const WorkerKey& key) : names_(addresses) {
    for (const std::string& address : addresses) connect(address, key);
    for (zmq::socket_t& socket : sockets_) {
      items_.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
    }
  }

  std::size_t workers() const noexcept override { return names_.size(); }
  std::string name(std::size_t worker) const override { return names_[worker]; }

  void send(std::size_t worker, std::string_view message) override {
    try {
      // What nobody takes is lost.
      static_cast<void>(sockets_[worker].send(zmq::buffer(message), zmq::send_flags::dontwait));
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR && error.num() != EHOSTUNREACH) throw_as_io(names_[worker], error);
    }
  }

  std::optional<Received> receive(std::chrono::milliseconds patience) override {
    try {
      if (zmq::poll(items_, patience) == 0) return std::nullopt;
      // Each in its turn.
      for (std::size_t i = 0; i < items_.size(); ++i) {
        next_ = (next_ + 1) % items_.size();
        if (items_[next_].revents == 0) continue;
        zmq::message_t message;
        if (!sockets_[next_].recv(message, zmq::recv_flags::dontwait)) continue;
        std::string bytes = message.to_string();
        while (message.more()) {  // more than one part is none of ours
          bytes.clear();
          static_cast<void>(sockets_[next_].recv(message));
        }
        return Received{next_, std::move(bytes)};
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw_as_io("workers", error);  // a signal: the caller looks
    }
    return std::nullopt;
  }

 private:
  [[noreturn]] static void throw_as_io(const std::string& what, const zmq::error_t& error) {
    fail(ErrorCode::kIo, "{}: {}", lathe::quoted(what), error.what());
  }

  void connect(const std::string& address, const WorkerKey& key) {
    try {
      zmq::socket_t& socket = sockets_.emplace_back(context_, zmq::socket_type::dealer);
      socket.set(zmq::sockopt::linger, 0);
      socket.set(zmq::sockopt::immediate, true);
      socket.set(zmq::sockopt::ipv6, true);
      socket.set(zmq::sockopt::maxmsgsize, kMostAnswerBytes);
      socket.set(zmq::sockopt::reconnect_ivl, 100);
      socket.set(zmq::sockopt::reconnect_ivl_max, 2000);
      if (!key.empty()) {
        socket.set(zmq::sockopt::curve_serverkey, key.open);
        socket.set(zmq::sockopt::curve_publickey, key.open);
        socket.set(zmq::sockopt::curve_secretkey, key.secret);
      }
      socket.connect(address);
    } catch (const zmq::error_t& error) {
      throw_as_io(address, error);
    }
  }

  std::vector<std::string> names_;
  zmq::context_t context_;
  std::vector<zmq::socket_t> sockets_;
  std::vector<zmq::pollitem_t> items_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<WorkerWire> connect_to_workers(const std::vector<std::string>& addresses,
                                               const WorkerKey& key) {
  return std::make_unique<ZmqWire>(addresses, key);
}

}  // namespace lathe::tool
