#include "common/worker_key.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <sys/stat.h>
#include <zmq.h>

#include "common/fail.h"
#include "common/local_address.h"
#include "common/text.h"

namespace lathe::tool {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kZ85Bytes = 41;  // of as many, with the end of the string

[[noreturn]] void fail_no_key(const std::string& path) {
  fail(ErrorCode::kInvalid,
       "{}: a key of workers is 64 hexadecimal digits; make one: openssl rand -hex 32",
       lathe::quoted(path));
}

}  // namespace

WorkerKey read_worker_key(const std::string& path) {
  std::string text = read_text(path);
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077) != 0) {
    fail(ErrorCode::kInvalid, "{}: others may read or write this key: chmod 600",
         lathe::quoted(path));
  }
  drop_blanks_behind(text);
  if (text.size() != 2 * kKeyBytes) fail_no_key(path);
  std::array<std::uint8_t, kKeyBytes> bytes{};
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    const char* digits = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (error != std::errc() || end != digits + 2) fail_no_key(path);
  }
  std::array<char, kZ85Bytes> secret{}, open{};
  if (::zmq_z85_encode(secret.data(), bytes.data(), bytes.size()) == nullptr ||
      ::zmq_curve_public(open.data(), secret.data()) != 0) {
    fail(ErrorCode::kUnsupported, "this machine's ZeroMQ has no encryption (CURVE)");
  }
  return {secret.data(), open.data()};
}

bool is_local_worker_address(const std::string& option, const std::string& address) {
  constexpr std::string_view kFile = "ipc://", kNet = "tcp://";
  if (address.starts_with(kFile)) {
    check_socket_path(option, std::string_view(address).substr(kFile.size()));
    return true;
  }
  const std::size_t colon = address.rfind(':');
  const std::string_view port = std::string_view(address).substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_port = !port.empty() && error == std::errc() && end == port.data() + port.size() &&
                       number > 0 && number < 65536;
  if (!address.starts_with(kNet) || colon < kNet.size() + 1 || !is_port) {
    fail_usage("{}: {} is no address: tcp://HOST:PORT, or ipc://PATH for a socket file", option,
               lathe::quoted(address));
  }
  return is_loopback(std::string_view(address).substr(kNet.size(), colon - kNet.size()));
}

}  // namespace lathe::tool
