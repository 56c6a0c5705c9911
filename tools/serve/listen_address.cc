#include "serve/listen_address.h"

#include <charconv>
#include <cstring>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/local_address.h"

namespace lathe::tool {
namespace {

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

}  // namespace

bool ListenAddress::local() const { return !path.empty() || is_loopback(host); }

ListenAddress parse_listen_address(const std::string& text) {
  ListenAddress out;
  if (text.starts_with("unix:")) {
    out.path = text.substr(5);
    check_socket_path("--listen", out.path);
    return out;
  }
  const std::size_t colon = text.rfind(':');
  std::string_view port;
  if (colon != std::string::npos) {
    out.host = text.substr(0, colon);
    port = std::string_view(text).substr(colon + 1);
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    out.host.clear();  // which of the colons it is nobody knows
  }
  if (out.host.empty() || port.empty() || error != std::errc() ||
      end != port.data() + port.size() || out.port < 0 || out.port > 65535) {
    fail_usage(
        "--listen: {} is no address: HOST:PORT, [HOST]:PORT for IPv6, or unix:PATH, as in "
        "127.0.0.1:8080",
        lathe::quoted(text));
  }
  return out;
}

bool answers_at(const std::string& path) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const sockaddr_un address = unix_address(path);
  const bool answers =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return answers;
}

}  // namespace lathe::tool
