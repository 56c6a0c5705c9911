// Text as markup, as the filters "escape" and "safe" and what they lead to see it.
#pragma once

#include "tokenizer/jinja/text.h"

namespace lathe::jinja {

// & < > ' " become references; marks are kept.
Text escaped_markup(const Text& text);

}  // namespace lathe::jinja
