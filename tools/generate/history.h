// The conversation so far, in a file.
#pragma once

#include <span>
#include <string>

#include "lathe/chat.h"

namespace lathe::tool {

// A file that grows by each turn. It holds the whole old conversation or the whole new one; what
// another process wrote meanwhile is never lost.
class History {
 public:
  // "": none. A file that is not there is an empty conversation. Throws kIo, also where it could
  // not be written, and as parse_chat.
  explicit History(std::string path);

  const ChatRequest& request() const noexcept { return request_; }
  // Throws kIo when it cannot be written, or when the file is no longer what was read.
  void append(std::span<const ChatMessage> messages);

 private:
  std::string read() const;

  std::string path_, text_;
  ChatRequest request_;
};

}  // namespace lathe::tool
