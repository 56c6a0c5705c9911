// Messages of a row, in the forms that OpenAI's libraries write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"

#include "base/json.h"

namespace lathe {

// `text` is what `array` shows, as it was written. Keys that say nothing are left out, "developer"
// is "system", parts of text are joined. Throws kInvalid; kUnsupported for keys and parts that
// would be lost, naming them.
std::vector<ChatMessage> read_row_messages(const JsonView& array, std::string_view text);

}  // namespace lathe
