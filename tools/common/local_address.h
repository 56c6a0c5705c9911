// Which addresses no other machine reaches: what a server may answer on without a key.
#pragma once

#include <string>
#include <string_view>

namespace lathe::tool {

// "localhost", or a loopback address in numbers (127.0.0.0/8, ::1, with or without brackets). A
// name that only begins like one, as "127.example.net", may stand for any machine.
bool is_loopback(std::string_view host);

// kUsage, naming the option, when a socket file can't have this path.
void check_socket_path(const std::string& option, std::string_view path);

}  // namespace lathe::tool
