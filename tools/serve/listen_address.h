// Where a server listens: HOST:PORT, or unix:PATH.
#pragma once

#include <string>

namespace lathe::tool {

struct ListenAddress {
  std::string path;  // of a socket file; empty: host and port
  std::string host;
  int port = 0;  // 0: any that is free

  // Nobody outside of this machine reaches it.
  bool local() const;
};

// "127.0.0.1:8080", "[::1]:8080", "localhost:0", "unix:/run/lathe.sock". Throws kUsage.
ListenAddress parse_listen_address(const std::string& text);

// Whether somebody accepts connections at a socket file.
bool answers_at(const std::string& path);

}  // namespace lathe::tool
