// The secret that workers and those who ask them share: the key of CurveZMQ's connections.
#pragma once

#include <string>

namespace lathe::tool {

// In the letters that ZeroMQ wants (Z85).
struct WorkerKey {
  std::string secret, open;  // the secret key, and the public one that belongs to it

  bool empty() const noexcept { return secret.empty(); }
};

// A file with 64 hexadecimal digits, as `openssl rand -hex 32` writes them, that nobody but its
// owner may read. Throws kIo; kInvalid for another file, or one that others may read.
WorkerKey read_worker_key(const std::string& path);

// Whether an address is reached from this machine only: ipc://…, or tcp:// and a loopback address.
// Throws kUsage for what is no address of either form; `option` named it.
bool is_local_worker_address(const std::string& option, const std::string& address);

}  // namespace lathe::tool
