#include "generate/history.h"

#include <filesystem>
#include <utility>

#include "lathe/chat_json.h"
#include "lathe/host/escape.h"
#include "lathe/host/output_file.h"

#include "common/fail.h"
#include "common/text.h"

namespace lathe::tool {

History::History(std::string path) : path_(std::move(path)), text_(read()) {
  if (!text_.empty()) request_ = parse_chat(text_, path_);
  // What cannot be written should be known before the answer is computed.
  if (!path_.empty()) OutputFile(path_, true);
}

void History::append(std::span<const ChatMessage> messages) {
  if (path_.empty()) return;
  if (read() != text_) {
    fail(ErrorCode::kIo, "{}: it has changed since it was read; the last turn is not in it",
         lathe::quoted(path_));
  }
  std::string text = append_chat_messages(text_, path_, messages);
  OutputFile file(path_, true);
  file.write(text);
  file.commit();
  text_ = std::move(text);
}

std::string History::read() const {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::exists(path_, ignored)) return {};
  return read_text(path_);
}

}  // namespace lathe::tool
