// JSON as values of a template.
#pragma once

#include <string_view>

#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// Every string of it, keys too, is a user's. `file` stands in messages. Throws kInvalid for what
// is no JSON or has a key twice in one object, kUnsupported for integers beyond 64 bits.
Value read_json(Heap& heap, std::string_view text, std::string_view file);

}  // namespace lathe::jinja
