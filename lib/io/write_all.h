// write(2) until everything is written. Throws kIo, naming `path`. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace lathe {

void write_all(int fd, std::span<const std::byte> bytes, const std::string& path);
void write_all(int fd, std::string_view text, const std::string& path);

}  // namespace lathe
